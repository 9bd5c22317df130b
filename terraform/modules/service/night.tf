# At night no task must run. A job that comes then is seen by the alarm of the step "first" (scaling.tf), which starts a task.
locals {
  may_sleep = var.min_tasks == 0 || var.night != null
  # when it begins, when it ends: [hour, minute]
  times = [for time in var.night == null ? [] : split("-", var.night) : [for part in split(":", time) : tonumber(part)]]
  changes = var.night == null ? {} : {
    asleep = { time = local.times[0], days = "*", min_tasks = 0 }
    awake  = { time = local.times[1], days = var.night_weekends ? "MON-FRI" : "*", min_tasks = var.min_tasks }
  }
}

# `terraform apply` at night sets min_tasks back until the next evening.
resource "aws_appautoscaling_scheduled_action" "night" {
  for_each = local.changes

  name               = "${var.name}-${each.key}"
  service_namespace  = aws_appautoscaling_target.tasks.service_namespace
  scalable_dimension = aws_appautoscaling_target.tasks.scalable_dimension
  resource_id        = aws_appautoscaling_target.tasks.resource_id
  schedule           = "cron(${each.value.time[1]} ${each.value.time[0]} ? * ${each.value.days} *)"
  timezone           = var.night_timezone

  scalable_target_action {
    min_capacity = each.value.min_tasks
    max_capacity = var.max_tasks
  }
}

# SQS stops sending the metrics of a queue that nobody has called for six hours, and sends them again up to a quarter of an
# hour after the next call: so long, a job would wait for its task. Hence somebody calls.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/monitoring-using-cloudwatch.html
resource "aws_scheduler_schedule" "metrics" {
  #checkov:skip=CKV_AWS_297:It holds the address of a queue, and nothing else.
  count = local.may_sleep ? 1 : 0

  name                = "${var.name}-keep-metrics"
  description         = "Keeps the metrics of the queue of ${var.name} alive while no task polls it"
  schedule_expression = "rate(2 hours)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${data.aws_partition.current.partition}:scheduler:::aws-sdk:sqs:getQueueAttributes"
    role_arn = aws_iam_role.metrics[0].arn
    input = jsonencode({
      QueueUrl       = "https://sqs.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}/${data.aws_caller_identity.current.account_id}/${var.queue.name}"
      AttributeNames = ["ApproximateNumberOfMessages"]
    })
  }
}

resource "aws_iam_role" "metrics" {
  count = local.may_sleep ? 1 : 0

  name               = "${var.name}-keep-metrics"
  assume_role_policy = data.aws_iam_policy_document.metrics_trust[0].json
  tags               = var.tags
}

data "aws_iam_policy_document" "metrics_trust" {
  count = local.may_sleep ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role_policy" "metrics" {
  count = local.may_sleep ? 1 : 0

  name   = "look"
  role   = aws_iam_role.metrics[0].id
  policy = data.aws_iam_policy_document.metrics[0].json
}

data "aws_iam_policy_document" "metrics" {
  count = local.may_sleep ? 1 : 0

  statement {
    actions   = ["sqs:GetQueueAttributes"]
    resources = [var.queue.arn]
  }
}
