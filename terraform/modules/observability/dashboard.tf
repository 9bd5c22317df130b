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
    "Runs ended, by outcome" = [
      for outcome in ["pr_opened", "pr_updated", "proposed", "no_fix", "no_change_needed", "needs_info", "rejected", "budget_exhausted", "cancelled", "failed"] :
      ["own", "runs", "Sum", { outcome = outcome }]
    ]
    "US dollars: spent today, and by the runs that ended" = [
      ["own", "spent_today_usd", "Maximum", {}],
      ["own", "run_cost_usd", "Sum", {}],
    ]
    "Seconds in the queue, and of a run" = [
      ["own", "queue_wait_seconds", "p95", {}],
      ["own", "run_seconds", "p50", {}],
      ["own", "run_seconds", "p95", {}],
    ]
    "Tasks, wanted and running" = [
      ["insights", "DesiredTaskCount", "Average", local.tasks],
      ["insights", "RunningTaskCount", "Average", local.tasks],
    ]
    "CPU, memory and disk, percent" = [
      ["ecs", "CPUUtilization", "Average", local.tasks],
      ["ecs", "MemoryUtilization", "Maximum", local.tasks],
      ["own", "disk_used_percent", "Maximum", {}],
    ]
    "Workers: runs, events that wait, stalls and lateness" = [
      ["own", "runs_in_work", "Sum", {}],
      ["own", "events_pending", "Maximum", {}],
      ["own", "events_parked", "Maximum", {}],
      ["own", "credentials_refused", "Maximum", {}],
      ["own", "loop_stalls", "Sum", {}],
      ["own", "template_sets_refused", "Sum", {}],
      ["own", "loop_delay_seconds", "Maximum", {}],
      ["own", "heartbeat_lateness_p99_seconds", "Maximum", {}],
    ]
    "Intake" = [
      ["alb", "RequestCount", "Sum", local.intake],
      ["alb", "HTTPCode_Target_4XX_Count", "Sum", local.intake],
      ["alb", "HTTPCode_Target_5XX_Count", "Sum", local.intake],
      ["alb", "HTTPCode_ELB_5XX_Count", "Sum", local.intake],
      ["alb", "TargetResponseTime", "p95", local.intake],
    ]
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
