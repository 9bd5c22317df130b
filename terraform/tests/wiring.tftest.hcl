# That each part is given the right other part.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  image                = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coding-agent:0.1.0"
  model                = "anthropic/claude-sonnet-4-5"
  model_secrets        = ["ANTHROPIC_API_KEY"]
  push                 = "branch"
  allowed_repositories = ["octo/hourglass"]
}

run "the_worker_is_told_of_its_queue_topic_store_and_artifacts" {
  command = plan

  override_resource {
    target          = module.queue.aws_sqs_queue.jobs
    override_during = plan
    values          = { arn = "arn:aws:sqs:us-east-1:123456789012:jobs", url = "https://sqs.us-east-1.amazonaws.com/123456789012/jobs" }
  }

  override_resource {
    target          = module.queue.aws_sqs_queue.dead_letters
    override_during = plan
    values          = { arn = "arn:aws:sqs:us-east-1:123456789012:dead", url = "https://sqs.us-east-1.amazonaws.com/123456789012/dead" }
  }

  override_resource {
    target          = module.events.aws_sns_topic.events
    override_during = plan
    values          = { arn = "arn:aws:sns:us-east-1:123456789012:events" }
  }

  override_resource {
    target          = module.observability.aws_sns_topic.alarms
    override_during = plan
    values          = { arn = "arn:aws:sns:us-east-1:123456789012:alarms" }
  }

  assert {
    condition     = local.settings.CODING_AGENT_QUEUE_URL == "https://sqs.us-east-1.amazonaws.com/123456789012/jobs" && output.queue_url == local.settings.CODING_AGENT_QUEUE_URL
    error_message = "the worker takes jobs from the queue that they are sent to"
  }

  assert {
    condition     = output.dead_letter_queue_url == "https://sqs.us-east-1.amazonaws.com/123456789012/dead"
    error_message = "the dead-letter queue is told"
  }

  assert {
    condition     = local.settings.CODING_AGENT_TOPIC_ARN == "arn:aws:sns:us-east-1:123456789012:events" && output.topic_arn == local.settings.CODING_AGENT_TOPIC_ARN
    error_message = "events go to the topic that is told, not to the alarms'"
  }

  assert {
    condition     = local.settings.CODING_AGENT_STORE == "dynamodb://${output.table_name}" && local.settings.CODING_AGENT_ARTIFACTS == "s3://${output.artifacts_bucket}/artifacts"
    error_message = "runs are in the table, artifacts in the bucket"
  }

  assert {
    condition     = local.settings.CODING_AGENT_TEMPLATES == "s3://${output.artifacts_bucket}/templates"
    error_message = "published templates are beside the artifacts, where nothing expires"
  }

  assert {
    condition     = output.alarm_topic_arn == "arn:aws:sns:us-east-1:123456789012:alarms"
    error_message = "alarms have a topic of their own"
  }
}

run "dead_letters_are_wired" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    name               = "coding-agent"
    visibility_timeout = 120
    max_receives       = 90
    sender_iam_user    = false
    sender_oidc        = null
    tags               = {}
  }

  override_resource {
    target          = aws_sqs_queue.dead_letters
    override_during = plan
    values          = { arn = "arn:aws:sqs:us-east-1:123456789012:dead", id = "https://sqs.us-east-1.amazonaws.com/123456789012/dead" }
  }

  override_resource {
    target          = aws_sqs_queue.jobs
    override_during = plan
    values          = { arn = "arn:aws:sqs:us-east-1:123456789012:jobs" }
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.jobs.redrive_policy) == { deadLetterTargetArn = "arn:aws:sqs:us-east-1:123456789012:dead", maxReceiveCount = 90 }
    error_message = "what is received too often goes to the dead-letter queue"
  }

  assert {
    condition     = aws_sqs_queue_redrive_allow_policy.dead_letters.queue_url == "https://sqs.us-east-1.amazonaws.com/123456789012/dead" && jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letters.redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:us-east-1:123456789012:jobs"]
    error_message = "the dead-letter queue takes this queue's messages alone"
  }

  assert {
    condition     = aws_sqs_queue.jobs.message_retention_seconds == 345600 && aws_sqs_queue.dead_letters.message_retention_seconds == 1209600 && aws_sqs_queue.jobs.receive_wait_time_seconds == 20
    error_message = "4 days, 14 days, and a long poll"
  }
}

run "the_service_scales_on_all_of_its_work" {
  command = plan

  module {
    source = "./modules/service"
  }

  variables {
    name                     = "coding-agent"
    settings                 = {}
    secret_arns              = {}
    port                     = 8080
    data_dir                 = "/var/lib/coding-agent"
    sandbox_socket           = "/run/coding-agent/sandbox.sock"
    cpu                      = 2048
    memory                   = 4096
    storage_gib              = 40
    architecture             = "ARM64"
    min_tasks                = 0
    max_tasks                = 10
    on_demand_tasks          = 1
    spot_percent             = 75
    jobs_per_task            = 2
    scale_in_minutes         = 10
    night                    = null
    night_timezone           = "UTC"
    night_weekends           = false
    vpc_id                   = "vpc-1"
    private_subnet_ids       = ["subnet-private"]
    intake_security_group_id = "sg-intake"
    target_group_arn         = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/coding-agent/0123456789abcdef"
    log_group_names          = { worker = "/coding-agent/worker", sandbox = "/coding-agent/sandbox" }
    queue                    = { arn = "arn:aws:sqs:us-east-1:123456789012:jobs", name = "jobs" }
    dead_letter_queue_arn    = "arn:aws:sqs:us-east-1:123456789012:dead-letters"
    topic_arns               = ["arn:aws:sns:us-east-1:123456789012:events"]
    table_arn                = "arn:aws:dynamodb:us-east-1:123456789012:table/runs"
    artifacts                = { bucket_arn = "arn:aws:s3:::artifacts", prefix = "artifacts", templates = "templates" }
    tags                     = {}
  }

  assert {
    condition     = toset(flatten([for metric in aws_appautoscaling_policy.more.target_tracking_scaling_policy_configuration[0].customized_metric_specification[0].metrics : [for stat in metric.metric_stat : stat.metric[*].metric_name]])) == toset(["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible", "CPUUtilization"])
    error_message = "waiting and in work, for each running task"
  }

  assert {
    condition     = aws_appautoscaling_policy.more.target_tracking_scaling_policy_configuration[0].disable_scale_in && aws_appautoscaling_policy.steps["fewer"].policy_type == "StepScaling"
    error_message = "tasks are added by tracking and ended in steps"
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.steps : alarm.alarm_actions == toset([aws_appautoscaling_policy.steps[name].arn])]) && contains(keys(aws_cloudwatch_metric_alarm.steps), "first")
    error_message = "each step has its alarm, and a service without tasks one that starts the first"
  }

  assert {
    condition     = aws_appautoscaling_target.tasks.resource_id == "service/coding-agent/worker" && aws_appautoscaling_target.tasks.min_capacity == 0 && aws_appautoscaling_target.tasks.max_capacity == 10
    error_message = "the scaling's target is this service"
  }

  assert {
    condition     = { for strategy in aws_ecs_service.worker.capacity_provider_strategy : strategy.capacity_provider => strategy.weight } == { FARGATE = 25, FARGATE_SPOT = 75 }
    error_message = "most tasks are on Spot"
  }

  assert {
    condition     = aws_ecs_service.worker.deployment_circuit_breaker[0].enable && aws_ecs_service.worker.deployment_circuit_breaker[0].rollback
    error_message = "a deployment that does not start is rolled back"
  }

  assert {
    condition     = contains(flatten([for statement in data.aws_iam_policy_document.task.statement : statement.resources if contains(statement.actions, "ecs:UpdateTaskProtection")]), "arn:aws:ecs:us-east-1:123456789012:task/coding-agent/*")
    error_message = "a task may protect itself from being ended"
  }

  assert {
    condition     = local.worker.dependsOn == [{ containerName = "sandbox", condition = "HEALTHY" }] && local.worker.mountPoints[0] == local.sandbox.mountPoints[0] && local.worker.mountPoints[1] == local.sandbox.mountPoints[1] && local.worker.mountPoints[1].containerPath == "/run/coding-agent"
    error_message = "the worker waits for the sandbox, and both see the socket and the data"
  }

  assert {
    condition     = alltrue([for container in [local.worker, local.sandbox] : length(setsubtract(container.mountPoints[*].sourceVolume, aws_ecs_task_definition.worker.volume[*].name)) == 0])
    error_message = "every volume that is mounted exists"
  }
}

run "at_night_no_task_must_run" {
  command = plan

  module {
    source = "./modules/service"
  }

  variables {
    name                     = "coding-agent"
    settings                 = {}
    secret_arns              = {}
    port                     = 8080
    data_dir                 = "/var/lib/coding-agent"
    sandbox_socket           = "/run/coding-agent/sandbox.sock"
    cpu                      = 2048
    memory                   = 4096
    storage_gib              = 40
    architecture             = "ARM64"
    min_tasks                = 2
    max_tasks                = 10
    on_demand_tasks          = 1
    spot_percent             = 75
    jobs_per_task            = 2
    scale_in_minutes         = 10
    night                    = "20:00-07:30"
    night_timezone           = "Europe/Berlin"
    night_weekends           = true
    vpc_id                   = "vpc-1"
    private_subnet_ids       = ["subnet-private"]
    intake_security_group_id = "sg-intake"
    target_group_arn         = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/coding-agent/0123456789abcdef"
    log_group_names          = { worker = "/coding-agent/worker", sandbox = "/coding-agent/sandbox" }
    queue                    = { arn = "arn:aws:sqs:us-east-1:123456789012:jobs", name = "jobs" }
    dead_letter_queue_arn    = "arn:aws:sqs:us-east-1:123456789012:dead-letters"
    topic_arns               = ["arn:aws:sns:us-east-1:123456789012:events"]
    table_arn                = "arn:aws:dynamodb:us-east-1:123456789012:table/runs"
    artifacts                = { bucket_arn = "arn:aws:s3:::artifacts", prefix = "artifacts", templates = "templates" }
    tags                     = {}
  }

  assert {
    condition     = { for name, action in aws_appautoscaling_scheduled_action.night : action.schedule => action.scalable_target_action[0].min_capacity } == { "cron(0 20 ? * * *)" = "0", "cron(30 7 ? * MON-FRI *)" = "2" }
    error_message = "no task must run from evening to morning, nor at weekends"
  }

  assert {
    condition     = alltrue([for action in aws_appautoscaling_scheduled_action.night : action.timezone == "Europe/Berlin" && action.scalable_target_action[0].max_capacity == "10"])
    error_message = "the times are local, and as many tasks as by day may run"
  }

  assert {
    condition     = contains(keys(aws_cloudwatch_metric_alarm.steps), "first")
    error_message = "a job that comes at night starts a task"
  }

  assert {
    condition     = jsondecode(aws_scheduler_schedule.metrics[0].target[0].input).QueueUrl == "https://sqs.us-east-1.amazonaws.com/123456789012/jobs" && flatten(data.aws_iam_policy_document.metrics[0].statement[*].resources) == [var.queue.arn]
    error_message = "the queue's metrics are kept alive by a call that may do nothing else"
  }
}

run "there_is_no_console_unless_it_is_asked_for" {
  command = plan

  assert {
    condition     = length(module.console) == 0 && output.console_start == null && !contains(keys(output.log_group_names), "console")
    error_message = "the console is off by default"
  }
}

run "the_sandbox_is_checked_in_a_task_like_those_of_the_service" {
  command = plan

  assert {
    condition     = local.sandbox_check_overrides == "{\"containerOverrides\":[{\"command\":[\"sandbox\",\"check\",\"--backend\",\"uid\"],\"name\":\"sandbox\"}]}"
    error_message = "the check runs in the place of the sandbox container, and the shell sees its overrides as one word"
  }
}

run "the_console_sees_what_the_worker_writes" {
  command = plan

  variables {
    console = "read-only"
  }

  assert {
    condition     = module.console[0].task_definition_family == "coding-agent-console" && module.console[0].port == 8081
    error_message = "an operator starts it by its name, and reaches it on one port"
  }

  assert {
    condition     = local.console_settings == [for name in local.console_settings : name if contains(keys(local.settings), name)] && contains(keys(output.log_group_names), "console")
    error_message = "its settings are the worker's own, and it has a log"
  }
}

run "alarms_tell_somebody" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    name                   = "coding-agent"
    containers             = ["worker", "sandbox"]
    log_retention_days     = 30
    alarm_emails           = ["operations@example.com"]
    thresholds             = { oldest_job_seconds = 7200, failure_share = 0.2, budget_share = 0.8, cpu_percent = 90, memory_percent = 90, disk_percent = 85, server_errors_per_5_minutes = 5 }
    max_cost_usd_per_day   = 200
    may_sleep              = false
    queue_name             = "jobs"
    dead_letter_queue_name = "dead-letters"
    cluster_name           = "coding-agent"
    service_name           = "worker"
    alb_metrics_name       = "app/coding-agent/0123456789abcdef"
    tags                   = {}
  }

  assert {
    condition = keys(aws_cloudwatch_metric_alarm.this) == [
      "budget", "cpu", "credentials-refused", "dead-letters", "disk", "events-parked", "events-waiting", "failure-share",
      "intake-errors", "memory", "no-heartbeat", "oldest-job", "templates-refused",
    ]
    error_message = "every alarm is there"
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset([aws_sns_topic.alarms.arn])]) && aws_sns_topic_subscription.emails["operations@example.com"].topic_arn == aws_sns_topic.alarms.arn
    error_message = "every alarm goes to the topic that mails"
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.tasks_missing.event_pattern).resources == ["arn:aws:ecs:us-east-1:123456789012:service/coding-agent/worker"] && aws_cloudwatch_event_target.tasks_missing.arn == aws_sns_topic.alarms.arn
    error_message = "what ECS says of this service's tasks goes to the same topic"
  }

  assert {
    condition     = contains([for statement in data.aws_iam_policy_document.alarms.statement : one(one(statement.principals).identifiers)], "events.amazonaws.com")
    error_message = "and the topic takes it"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["no-heartbeat"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.this["budget"].threshold == 160
    error_message = "silence is an alarm, and the budget's is a share of it"
  }

  assert {
    condition     = one([for query in aws_cloudwatch_metric_alarm.this["dead-letters"].metric_query : query.metric[0].dimensions if length(query.metric) > 0]) == tomap({ QueueName = "dead-letters" })
    error_message = "the dead-letter queue is watched"
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 1 + length(local.widgets) + length(local.log_widgets)
    error_message = "the dashboard shows all there is"
  }
}

run "a_service_that_may_sleep_is_watched_while_jobs_wait" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    name                   = "coding-agent"
    containers             = ["worker", "sandbox"]
    log_retention_days     = 30
    alarm_emails           = []
    thresholds             = { oldest_job_seconds = 7200, failure_share = 0.2, budget_share = 0.8, cpu_percent = 90, memory_percent = 90, disk_percent = 85, server_errors_per_5_minutes = 5 }
    max_cost_usd_per_day   = 200
    may_sleep              = true
    queue_name             = "jobs"
    dead_letter_queue_name = "dead-letters"
    cluster_name           = "coding-agent"
    service_name           = "worker"
    alb_metrics_name       = "app/coding-agent/0123456789abcdef"
    tags                   = {}
  }

  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "no-heartbeat") && aws_cloudwatch_metric_alarm.this["not-woken"].treat_missing_data == "notBreaching"
    error_message = "silence alone is no fault, but jobs that nobody takes are"
  }
}
