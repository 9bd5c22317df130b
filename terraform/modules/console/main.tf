# The web console, as a task that an operator starts and stops. It listens on its own loopback interface only: the way to
# it is a session of Systems Manager, which needs permission for this task, so the console asks for no key of its own.
data "aws_region" "current" {}

locals {
  uid  = "10001" # the image's user
  port = 8081

  arguments = concat(
    ["console", "--host", "127.0.0.1", "--port", tostring(local.port)],
    var.allow_actions ? ["--allow-actions"] : [],
  )

  console = {
    name        = "console"
    image       = var.image
    essential   = true
    entryPoint  = ["coding-agent"]
    command     = local.arguments
    user        = "${local.uid}:${local.uid}"
    environment = [for variable, value in var.settings : { name = variable, value = value }]
    # The agent of Systems Manager, which AWS puts into the container, writes into the container's file system
    # (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html).
    readonlyRootFilesystem = false
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = var.log_group_name
        awslogs-region        = data.aws_region.current.id
        awslogs-stream-prefix = "console"
      }
    }
  }
}

resource "aws_ecs_task_definition" "console" {
  #checkov:skip=CKV_AWS_336:ECS Exec, the only way to this task, doesn't work with a read-only root file system.
  family                   = "${var.name}-console"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 1024
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = var.execution_role_arn
  container_definitions    = jsonencode([local.console])
  tags                     = var.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }
}
