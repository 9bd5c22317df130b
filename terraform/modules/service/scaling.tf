# Tasks are added by target tracking on the jobs, waiting and in work, for each task; visible messages alone would end
# tasks under a busy service's own work. They are ended in steps, slowly: ECS spares those that protect themselves.
locals {
  queue = { QueueName = var.queue.name }
  tasks = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.worker.name }

  # id -> the metric it is
  load = {
    visible   = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum", dimensions = local.queue }
    in_flight = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesNotVisible", stat = "Maximum", dimensions = local.queue }
    # Each running task gives one sample a minute, at no charge:
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cw_running_task_count.html
    running = { namespace = "AWS/ECS", metric = "CPUUtilization", stat = "SampleCount", dimensions = local.tasks }
  }
  jobs_per_task = "(visible + in_flight) / IF(FILL(running, 0) < 1, 1, running)"

  # Bounds of a step are relative to its alarm's threshold.
  steps = {
    fewer = {
      why         = "No fault: it ends tasks that have too little to do."
      expression  = local.jobs_per_task
      comparison  = "LessThanThreshold"
      threshold   = 0.5 * var.jobs_per_task
      minutes     = var.scale_in_minutes
      cooldown    = 300
      type        = "PercentChangeInCapacity"
      adjustments = [[-0.25 * var.jobs_per_task, 0, -10], [null, -0.25 * var.jobs_per_task, -50]]
    }
    first = { # with no task running there is no metric of their number: this needs none
      why         = "No fault: it adds a task while a job waits, the first one too."
      expression  = "visible"
      comparison  = "GreaterThanThreshold"
      threshold   = 0
      minutes     = 1
      cooldown    = 300
      type        = "ChangeInCapacity"
      adjustments = [[0, null, 1]]
    }
  }
}

resource "aws_appautoscaling_target" "tasks" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.worker.name}"
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks
  tags               = var.tags
}

resource "aws_appautoscaling_policy" "more" {
  name               = "${var.name}-more"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.tasks.service_namespace
  scalable_dimension = aws_appautoscaling_target.tasks.scalable_dimension
  resource_id        = aws_appautoscaling_target.tasks.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.jobs_per_task
    scale_out_cooldown = 60
    disable_scale_in   = true

    customized_metric_specification {
      dynamic "metrics" {
        for_each = local.load

        content {
          id          = metrics.key
          return_data = false

          metric_stat {
            stat = metrics.value.stat

            metric {
              namespace   = metrics.value.namespace
              metric_name = metrics.value.metric

              dynamic "dimensions" {
                for_each = metrics.value.dimensions

                content {
                  name  = dimensions.key
                  value = dimensions.value
                }
              }
            }
          }
        }
      }

      metrics {
        id          = "jobs_per_task"
        label       = "Jobs, waiting or in work, for each task"
        expression  = local.jobs_per_task
        return_data = true
      }
    }
  }
}

resource "aws_appautoscaling_policy" "steps" {
  for_each = { for name, step in local.steps : name => step if name != "first" || local.may_sleep }

  name               = "${var.name}-${each.key}"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.tasks.service_namespace
  scalable_dimension = aws_appautoscaling_target.tasks.scalable_dimension
  resource_id        = aws_appautoscaling_target.tasks.resource_id

  step_scaling_policy_configuration {
    adjustment_type          = each.value.type
    metric_aggregation_type  = "Maximum"
    min_adjustment_magnitude = each.value.type == "PercentChangeInCapacity" ? 1 : null
    cooldown                 = each.value.cooldown

    dynamic "step_adjustment" {
      for_each = each.value.adjustments

      content {
        metric_interval_lower_bound = step_adjustment.value[0]
        metric_interval_upper_bound = step_adjustment.value[1]
        scaling_adjustment          = step_adjustment.value[2]
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "steps" {
  for_each = aws_appautoscaling_policy.steps

  alarm_name          = "${var.name}-tasks-${each.key}"
  alarm_description   = local.steps[each.key].why
  comparison_operator = local.steps[each.key].comparison
  threshold           = local.steps[each.key].threshold
  evaluation_periods  = local.steps[each.key].minutes
  treat_missing_data  = "notBreaching"
  alarm_actions       = [each.value.arn]
  tags                = var.tags

  dynamic "metric_query" {
    for_each = local.load

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = 60
      }
    }
  }

  metric_query {
    id          = "decides"
    label       = local.steps[each.key].why
    expression  = local.steps[each.key].expression
    return_data = true
  }
}
