data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_65:Some 25 paid metrics, of which nothing reads one: scaling and alarms use those that cost nothing.
  name = var.name
  tags = var.tags

  setting {
    name  = "containerInsights"
    value = "disabled" # whatever the account's default is
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_service" "worker" {
  name                              = "worker"
  cluster                           = aws_ecs_cluster.this.arn
  task_definition                   = aws_ecs_task_definition.worker.arn
  desired_count                     = var.min_tasks
  platform_version                  = "LATEST"
  force_new_deployment              = true # without it, a change of the Spot share replaces the service
  health_check_grace_period_seconds = 120
  enable_ecs_managed_tags           = true
  propagate_tags                    = "SERVICE"
  tags                              = var.tags
  depends_on                        = [aws_ecs_cluster_capacity_providers.this, aws_iam_role_policy.execution, aws_iam_role_policy.task]

  # A run survives its task: it goes on elsewhere at its last checkpoint. So most tasks may be on Spot.
  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = var.on_demand_tasks
    weight            = 100 - var.spot_percent
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = var.spot_percent
  }

  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [aws_security_group.service.id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = var.target_group_arn
    container_name   = "worker"
    container_port   = var.port
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  lifecycle {
    ignore_changes = [desired_count] # the scaling's
  }
}

resource "aws_security_group" "service" {
  name_prefix = "${var.name}-service-"
  description = "The tasks of ${var.name}"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-service" })

  lifecycle {
    create_before_destroy = true # one that a network interface uses can't be destroyed
  }
}

resource "aws_vpc_security_group_ingress_rule" "intake" {
  description                  = "The load balancer"
  security_group_id            = aws_security_group.service.id
  referenced_security_group_id = var.intake_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
  tags                         = var.tags
}

# GitHub, models, package indexes and AWS have no fixed addresses; DNS is the VPC's and passes no security group.
resource "aws_vpc_security_group_egress_rule" "https" {
  description       = "HTTPS, and nothing else"
  security_group_id = aws_security_group.service.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = var.tags
}
