# ECS says itself when it can't start or keep tasks, and why. Its events cost nothing; counts of tasks that are wanted and
# running would need Container Insights, whose metrics cost more than all alarms together.
locals {
  service_arn = "arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:service/${var.cluster_name}/${var.service_name}"
}

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html
resource "aws_cloudwatch_event_rule" "tasks_missing" {
  name        = "${var.name}-tasks-missing"
  description = "Tasks of ${var.name} don't start, or don't stay"
  tags        = var.tags

  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Service Action", "ECS Deployment State Change"]
    resources     = [local.service_arn]
    detail = {
      eventName = [
        "SERVICE_DEPLOYMENT_FAILED",
        "SERVICE_TASK_CONFIGURATION_FAILURE",
        "SERVICE_TASK_PLACEMENT_FAILURE",
        "SERVICE_TASK_START_IMPAIRED",
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "tasks_missing" {
  rule = aws_cloudwatch_event_rule.tasks_missing.name
  arn  = aws_sns_topic.alarms.arn

  input_transformer {
    input_paths    = { event = "$.detail.eventName", reason = "$.detail.reason", time = "$.time" }
    input_template = "\"${var.name}-tasks-missing: <event> <reason> at <time>. What to do: docs/operations.md#tasks-missing\""
  }
}
