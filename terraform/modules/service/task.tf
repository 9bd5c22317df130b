locals {
  uid = "10001" # the image's user

  # What both containers see: work trees and caches, and the folder of the sandbox's socket. Who owns a volume's root is
  # said by the image's VOLUME lines.
  shared = {
    data = var.data_dir
    run  = dirname(var.sandbox_socket)
  }
  # What each has for itself, where its root file system is read-only.
  own = {
    worker  = { worker-tmp = "/tmp" }
    sandbox = { sandbox-tmp = "/tmp", sandbox-var-tmp = "/var/tmp", sandbox-homes = "/var/lib/coding-agent-sandbox" }
  }

  mounts = {
    for container in ["worker", "sandbox"] : container => concat(
      [for name, path in local.shared : { sourceVolume = name, containerPath = path, readOnly = false }],
      [for name, path in local.own[container] : { sourceVolume = name, containerPath = path, readOnly = false }],
    )
  }

  both = {
    for container, command in { worker = ["worker"], sandbox = ["sandbox", "serve", "--worker", local.uid] } : container => {
      name                             = container
      image                            = var.image
      essential                        = true
      entryPoint                       = ["coding-agent"]
      command                          = command
      readonlyRootFilesystem           = true
      stopTimeout                      = 120 # seconds: Fargate's most, and the notice that Spot gives
      mountPoints                      = local.mounts[container]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = var.log_group_names[container]
          awslogs-region        = data.aws_region.current.id
          awslogs-stream-prefix = container
          mode                  = "non-blocking" # a log service that is down must not stop the work
          max-buffer-size       = "4m"
        }
      }
    }
  }

  worker = merge(local.both["worker"], {
    user            = "${local.uid}:${local.uid}"
    dependsOn       = [{ containerName = "sandbox", condition = "HEALTHY" }]
    portMappings    = [{ containerPort = var.port, hostPort = var.port, protocol = "tcp" }]
    environment     = [for variable, value in var.settings : { name = variable, value = value }]
    secrets         = [for variable, arn in var.secret_arns : { name = variable, valueFrom = arn }]
    linuxParameters = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    healthCheck = {
      command     = ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:${var.port}/health', timeout=4)"]
      interval    = 30
      timeout     = 5
      retries     = 3
      startPeriod = 120
    }
  })

  # The only root: it gives each session a user of its own. It has no secret, and makes no call to AWS. Of what Fargate
  # grants a container it keeps CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID and SETUID. SYS_PTRACE is not used, but without it
  # container runtimes filter system calls by which a session is watched (docs/sandbox.md). Sessions have no capability.
  sandbox = merge(local.both["sandbox"], {
    user        = "0"
    environment = [{ name = "CODING_AGENT_SANDBOX_SOCKET", value = var.sandbox_socket }]
    linuxParameters = {
      initProcessEnabled = true
      capabilities = {
        add  = ["SYS_PTRACE"] # the only one that Fargate lets be added
        drop = ["AUDIT_WRITE", "FSETID", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT"]
      }
    }
    healthCheck = {
      command     = ["CMD", "test", "-S", var.sandbox_socket]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 30
    }
  })
}

resource "aws_ecs_task_definition" "worker" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = aws_iam_role.execution.arn
  container_definitions    = jsonencode([local.worker, local.sandbox])
  skip_destroy             = true # ECS rolls a failed deployment back to the revision before
  tags                     = var.tags

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.architecture
  }

  ephemeral_storage {
    size_in_gib = var.storage_gib
  }

  dynamic "volume" {
    for_each = toset([for mount in flatten(values(local.mounts)) : mount.sourceVolume])

    content {
      name = volume.value
    }
  }
}
