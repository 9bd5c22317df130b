locals {
  # title -> [[source, metric, statistic, dimensions], ...]
  widgets = {
    "Jobs, waiting and in work" = [
      ["sqs", "ApproximateNumberOfMessagesVisible", "Maximum", local.queue],
      ["sqs", "ApproximateNumberOfMessagesNotVisible", "Maximum", local.queue],
      ["sqs", "ApproximateNumberOfMessagesVisible", "Maximum", local.dead_letters],
    ]
    "Seconds of the oldest unfinished job" = [
      ["own", "oldest_unfinished_seconds", "Maximum", {}],
      ["sqs", "ApproximateAgeOfOldestMessage", "Maximum", local.queue],
    ]
    "US dollars spent today" = [
      ["own", "spent_today_usd", "Maximum", {}],
    ]
    "Tasks" = [
      ["ecs", "CPUUtilization", "SampleCount", local.tasks], # each task gives one sample a minute
    ]
    "CPU, memory and disk, percent" = [
      ["ecs", "CPUUtilization", "Average", local.tasks],
      ["ecs", "MemoryUtilization", "Maximum", local.tasks],
      ["own", "disk_used_percent", "Maximum", {}],
    ]
    "Runs in work, and what workers can't do" = [
      ["own", "runs_in_work", "Sum", {}],
      ["own", "events_pending", "Maximum", {}],
      ["own", "events_parked", "Maximum", {}],
      ["own", "credentials_refused", "Maximum", {}],
      ["own", "template_sets_refused", "Sum", {}],
    ]
    "Intake" = [
      ["alb", "RequestCount", "Sum", local.intake],
      ["alb", "HTTPCode_Target_4XX_Count", "Sum", local.intake],
      ["alb", "HTTPCode_Target_5XX_Count", "Sum", local.intake],
      ["alb", "HTTPCode_ELB_5XX_Count", "Sum", local.intake],
      ["alb", "TargetResponseTime", "p95", local.intake],
    ]
  }

  # title -> a query over the worker's log, which is paid for when it is looked at, and not every month as a metric is.
  log_widgets = {
    "Runs ended, by outcome"                    = "filter ispresent(run_seconds) | stats count(*) as runs by outcome | sort runs desc"
    "US dollars of the runs that ended"         = "filter ispresent(run_cost_usd) | stats sum(run_cost_usd) as usd by bin(1h)"
    "Seconds in the queue, and of a run"        = "filter ispresent(run_seconds) | stats pct(queue_wait_seconds, 95) as wait_p95, pct(run_seconds, 50) as run_p50, pct(run_seconds, 95) as run_p95 by bin(1h)"
    "Event loop and heartbeat: seconds, stalls" = "filter ispresent(loop_delay_seconds) | stats max(loop_delay_seconds) as delay, max(heartbeat_lateness_p99_seconds) as lateness, sum(loop_stalls) as stalls by bin(5m)"
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [{ type = "alarm", width = 24, height = 3, properties = { title = "Alarms", alarms = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn] } }],
      [for title, metrics in local.widgets : {
        type   = "metric"
        width  = 8
        height = 6
        properties = {
          title  = title
          region = data.aws_region.current.id
          period = 60
          metrics = [for metric in metrics : concat(
            [local.sources[metric[0]], metric[1]],
            flatten([for name, value in metric[3] : [name, value]]),
            [{ stat = metric[2] }],
          )]
        }
      }],
      [for title, query in local.log_widgets : {
        type   = "log"
        width  = 12
        height = 6
        properties = {
          title  = title
          region = data.aws_region.current.id
          view   = strcontains(query, "bin(") ? "timeSeries" : "table"
          query  = "SOURCE '${aws_cloudwatch_log_group.containers["worker"].name}' | ${query}"
        }
      }],
    )
  })
}

# Fields are those of pipeline/telemetry.py and pipeline/metrics.py.
resource "aws_cloudwatch_query_definition" "this" {
  for_each = {
    "one job"          = "fields time, level, message, stage, round | filter job_id = 'JOB_ID' | sort @timestamp"
    "errors"           = "fields time, job_id, message, exception | filter level in ['error', 'critical'] | sort @timestamp desc | limit 100"
    "warnings by kind" = "filter level = 'warning' | stats count(*) as lines, latest(message) as last by logger | sort lines desc"
    "slowest runs"     = "filter ispresent(run_seconds) | fields job_id, generation, outcome, run_seconds, run_cost_usd | sort run_seconds desc | limit 50"
    "dearest runs"     = "filter ispresent(run_cost_usd) | fields job_id, generation, outcome, run_cost_usd, run_seconds | sort run_cost_usd desc | limit 50"
    "why jobs failed"  = "filter message like /to the dead-letter queue/ | fields time, job_id, message | sort @timestamp desc | limit 100"
    "stages"           = "filter kind = 'finished' | stats avg(seconds), pct(seconds, 95), count(*) by stage"
  }

  name            = "${var.name}/${each.key}"
  log_group_names = [aws_cloudwatch_log_group.containers["worker"].name]
  query_string    = each.value
}
