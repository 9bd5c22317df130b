# One alarm an entry; each has its entry of the same name in docs/operations.md, and a test says so. An alarm costs money for
# each of its metrics, and may wake an operator: there is one only for what an operator can mend.
locals {
  queue        = { QueueName = var.queue_name }
  dead_letters = { QueueName = var.dead_letter_queue_name }
  tasks        = { ClusterName = var.cluster_name, ServiceName = var.service_name }
  intake       = { LoadBalancer = var.alb_metrics_name }

  # Where a metric comes from; the worker's own are written by pipeline/metrics.py.
  sources = {
    own = "CodingAgent"
    sqs = "AWS/SQS"
    ecs = "AWS/ECS"
    alb = "AWS/ApplicationELB"
  }

  # metrics: id -> [source, metric, statistic, dimensions]. The expression is over their ids.
  alarms = {
    dead-letters = {
      says       = "Jobs failed after every retry, or were no jobs."
      metrics    = { letters = ["sqs", "ApproximateNumberOfMessagesVisible", "Maximum", local.dead_letters] }
      expression = "FILL(letters, 0)"
      operator   = ">"
      threshold  = 0
      periods    = 1
      seconds    = 60
      silence    = "notBreaching"
    }
    oldest-job = { # SQS' own age leaves out what was received three times; the store's knows what was received once
      says = "A job has not ended for too long."
      metrics = {
        unfinished = ["own", "oldest_unfinished_seconds", "Maximum", {}]
        unreceived = ["sqs", "ApproximateAgeOfOldestMessage", "Maximum", local.queue]
      }
      expression = "MAX([unfinished, unreceived])"
      operator   = ">"
      threshold  = var.thresholds.oldest_job_seconds
      periods    = 3
      seconds    = 300
      silence    = "notBreaching"
    }
    failure-share = {
      says = "Too many runs end as failed; fewer than five an hour are not judged."
      metrics = {
        failed = ["own", "runs", "Sum", { outcome = "failed" }]
        ended  = ["own", "runs", "Sum", {}]
      }
      expression = "IF(FILL(ended, 0) >= 5, FILL(failed, 0) / ended, 0)"
      operator   = ">"
      threshold  = var.thresholds.failure_share
      periods    = 1
      seconds    = 3600
      silence    = "notBreaching"
    }
    budget = {
      says       = "The day's budget is nearly used up; at its end, runs wait for midnight UTC."
      metrics    = { spent = ["own", "spent_today_usd", "Maximum", {}] }
      expression = "FILL(spent, 0)"
      operator   = ">="
      threshold  = var.thresholds.budget_share * var.max_cost_usd_per_day
      periods    = 1
      seconds    = 300
      silence    = "notBreaching"
    }
    events-waiting = {
      says       = "Outcomes are decided but their events are not published."
      metrics    = { pending = ["own", "events_pending", "Minimum", {}] }
      expression = "FILL(pending, 0)"
      operator   = ">"
      threshold  = 0
      periods    = 3
      seconds    = 300
      silence    = "notBreaching"
    }
    events-parked = {
      says       = "Events can't be published: SNS has refused them for hours."
      metrics    = { parked = ["own", "events_parked", "Maximum", {}] }
      expression = "FILL(parked, 0)"
      operator   = ">"
      threshold  = 0
      periods    = 1
      seconds    = 300
      silence    = "notBreaching"
    }
    credentials-refused = {
      says       = "GitHub refuses the deployment's credentials: no jobs are begun."
      metrics    = { refused = ["own", "credentials_refused", "Maximum", {}] }
      expression = "FILL(refused, 0)"
      operator   = ">"
      threshold  = 0
      periods    = 1
      seconds    = 300
      silence    = "notBreaching"
    }
    templates-refused = {
      says       = "The prompt templates that were made current can't be used; workers go on with the last good ones."
      metrics    = { refused = ["own", "template_sets_refused", "Sum", {}] }
      expression = "FILL(refused, 0)"
      operator   = ">"
      threshold  = 0
      periods    = 1
      seconds    = 300
      silence    = "notBreaching"
    }
    cpu = {
      says       = "Tasks have too little CPU: test suites run into their time limits."
      metrics    = { used = ["ecs", "CPUUtilization", "Average", local.tasks] }
      expression = "FILL(used, 0)"
      operator   = ">"
      threshold  = var.thresholds.cpu_percent
      periods    = 6
      seconds    = 300
      silence    = "notBreaching"
    }
    memory = {
      says       = "Tasks are short of memory: the next test suite may end one."
      metrics    = { used = ["ecs", "MemoryUtilization", "Maximum", local.tasks] }
      expression = "FILL(used, 0)"
      operator   = ">"
      threshold  = var.thresholds.memory_percent
      periods    = 2
      seconds    = 300
      silence    = "notBreaching"
    }
    disk = {
      says       = "A task's disk is nearly full: the next checkout or test suite may fill it."
      metrics    = { used = ["own", "disk_used_percent", "Maximum", {}] }
      expression = "FILL(used, 0)"
      operator   = ">"
      threshold  = var.thresholds.disk_percent
      periods    = 2
      seconds    = 300
      silence    = "notBreaching"
    }
    intake-errors = {
      says = "The intake answers with 5xx, or no task is there to answer."
      metrics = {
        of_tasks = ["alb", "HTTPCode_Target_5XX_Count", "Sum", local.intake]
        of_alb   = ["alb", "HTTPCode_ELB_5XX_Count", "Sum", local.intake]
      }
      expression = "SUM([of_tasks, of_alb])" # a metric without any data would make + no data at all
      operator   = ">"
      threshold  = var.thresholds.server_errors_per_5_minutes
      periods    = 1
      seconds    = 300
      silence    = "notBreaching"
    }
    no-heartbeat = {
      says       = "No worker has reported for five minutes."
      metrics    = { beats = ["own", "runs_in_work", "SampleCount", {}] }
      expression = "FILL(beats, 0)"
      operator   = "<"
      threshold  = 1
      periods    = 5
      seconds    = 60
      silence    = "breaching"
    }
    not-woken = {
      says = "Jobs wait, and no worker has been woken for them."
      metrics = {
        beats   = ["own", "runs_in_work", "SampleCount", {}]
        visible = ["sqs", "ApproximateNumberOfMessagesVisible", "Minimum", local.queue]
      }
      expression = "IF(FILL(beats, 0) < 1, FILL(visible, 0), 0)"
      operator   = ">"
      threshold  = 0
      periods    = 15
      seconds    = 60
      silence    = "notBreaching"
    }
  }

  operators = {
    ">"  = "GreaterThanThreshold"
    ">=" = "GreaterThanOrEqualToThreshold"
    "<"  = "LessThanThreshold"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  # Silence is no fault of a service that may have no task; not to wake is.
  for_each = { for name, alarm in local.alarms : name => alarm if name != (var.may_sleep ? "no-heartbeat" : "not-woken") }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.says} What to do: docs/operations.md#${each.key}"
  comparison_operator = local.operators[each.value.operator]
  threshold           = each.value.threshold
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.silence
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.tags

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = local.sources[metric_query.value[0]]
        metric_name = metric_query.value[1]
        stat        = metric_query.value[2]
        dimensions  = metric_query.value[3]
        period      = each.value.seconds
      }
    }
  }

  metric_query {
    id          = "decides"
    label       = each.value.says
    expression  = each.value.expression
    return_data = true
  }
}
