# What must hold whatever an operator sets: who can reach what, what is encrypted, what a role may do.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name = "coding-agent"
  tags = {}
  port = 8080
}

run "tasks_are_private" {
  command = plan

  module {
    source = "./modules/service"
  }

  variables {
    image                    = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/coding-agent:0.1.0"
    settings                 = { CODING_AGENT_MODEL = "anthropic/claude-sonnet-4-5" }
    secret_arns              = { GITHUB_TOKEN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:coding-agent/github-token-AbCdEf" }
    data_dir                 = "/var/lib/coding-agent"
    sandbox_socket           = "/run/coding-agent/sandbox.sock"
    cpu                      = 2048
    memory                   = 4096
    storage_gib              = 40
    architecture             = "ARM64"
    min_tasks                = 1
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
  }

  assert {
    condition     = aws_ecs_service.worker.network_configuration[0].assign_public_ip == false && tolist(aws_ecs_service.worker.network_configuration[0].subnets) == tolist(["subnet-private"])
    error_message = "tasks have no public address"
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.intake.referenced_security_group_id == "sg-intake" && aws_vpc_security_group_ingress_rule.intake.cidr_ipv4 == null && aws_vpc_security_group_ingress_rule.intake.from_port == 8080 && aws_vpc_security_group_ingress_rule.intake.to_port == 8080
    error_message = "the load balancer alone calls the tasks, on one port"
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.https.from_port == 443 && aws_vpc_security_group_egress_rule.https.to_port == 443 && aws_vpc_security_group_egress_rule.https.ip_protocol == "tcp"
    error_message = "tasks call out on 443 alone"
  }

  assert {
    condition     = alltrue([for container in jsondecode(aws_ecs_task_definition.worker.container_definitions) : container.readonlyRootFilesystem && container.stopTimeout == 120 && !can(container.privileged)])
    error_message = "root file systems are read-only, nothing is privileged, and 120 s are left to stop"
  }

  assert {
    condition     = local.worker.user == "10001:10001" && local.worker.linuxParameters.capabilities.drop == ["ALL"]
    error_message = "the worker is no root and has no capability"
  }

  assert {
    condition     = !can(local.sandbox.secrets) && local.sandbox.environment == [{ name = "CODING_AGENT_SANDBOX_SOCKET", value = "/run/coding-agent/sandbox.sock" }]
    error_message = "the sandbox container, the only root, is given no secret"
  }

  assert {
    condition     = local.sandbox.linuxParameters.capabilities.add == ["SYS_PTRACE"] && length(setsubtract(["AUDIT_WRITE", "FSETID", "MKNOD", "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT"], local.sandbox.linuxParameters.capabilities.drop)) == 0
    error_message = "the sandbox container keeps what switching users takes, is given SYS_PTRACE, for which runtimes let a session be watched, and no more"
  }

  assert {
    condition     = local.worker.secrets == [{ name = "GITHUB_TOKEN", valueFrom = var.secret_arns.GITHUB_TOKEN }] && alltrue([for variable in local.worker.environment : variable.name != "GITHUB_TOKEN"])
    error_message = "secrets are named by their ARNs"
  }

  assert {
    condition = alltrue([
      for statement in concat(data.aws_iam_policy_document.task.statement, data.aws_iam_policy_document.execution.statement) :
      alltrue([for action in statement.actions : !strcontains(action, "*")])
      && (!contains(statement.resources, "*") || tolist(statement.actions) == tolist(["ecr:GetAuthorizationToken"]))
    ])
    error_message = "roles name each action and each resource; only ecr:GetAuthorizationToken, which takes none, has *"
  }

  assert {
    condition     = contains(flatten(data.aws_iam_policy_document.execution.statement[*].resources), "arn:aws:ecr:us-east-1:123456789012:repository/team/coding-agent")
    error_message = "one repository of images can be pulled"
  }

  assert {
    condition     = data.aws_iam_policy_document.trust.statement[0].condition != null && tolist(data.aws_iam_policy_document.trust.statement[0].condition)[0].variable == "aws:SourceAccount"
    error_message = "ECS takes the roles for this account alone"
  }
}

run "the_console_is_reached_by_a_session_alone_and_reads" {
  command = plan

  module {
    source = "./modules/console"
  }

  variables {
    image                 = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/coding-agent:0.1.0"
    architecture          = "ARM64"
    settings              = { CODING_AGENT_STORE = "dynamodb://runs" }
    allow_actions         = false
    execution_role_arn    = "arn:aws:iam::123456789012:role/coding-agent-execution"
    trust_policy          = "{}"
    log_group_name        = "/coding-agent/console"
    queue_arn             = "arn:aws:sqs:us-east-1:123456789012:jobs"
    dead_letter_queue_arn = "arn:aws:sqs:us-east-1:123456789012:dead-letters"
    table_arn             = "arn:aws:dynamodb:us-east-1:123456789012:table/runs"
    artifacts             = { bucket_arn = "arn:aws:s3:::artifacts", prefix = "artifacts", templates = "templates" }
  }

  assert {
    condition     = local.console.command == ["console", "--host", "127.0.0.1", "--port", "8081"] && !can(local.console.portMappings)
    error_message = "the console listens on its own loopback interface, and without actions"
  }

  assert {
    condition     = local.console.user == "10001:10001" && local.console.linuxParameters.capabilities.drop == ["ALL"] && !can(local.console.secrets)
    error_message = "the console is no root, has no capability and is given no secret"
  }

  assert {
    condition = alltrue([
      for action in flatten(data.aws_iam_policy_document.task.statement[*].actions) :
      can(regex("^(sqs:(Get.*|ReceiveMessage|ChangeMessageVisibility)|dynamodb:(BatchGetItem|GetItem|Query)|s3:(GetObject|ListBucket)|ssmmessages:[A-Za-z]+)$", action))
    ])
    error_message = "a console without actions can change nothing"
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.task.statement :
      !contains(statement.resources, "*") || statement.sid == "Session"
    ])
    error_message = "only the session's actions, which take no resource, have *"
  }
}

run "the_console_with_actions_moves_dead_letters_and_nothing_else" {
  command = plan

  module {
    source = "./modules/console"
  }

  variables {
    image                 = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/coding-agent:0.1.0"
    architecture          = "ARM64"
    settings              = { CODING_AGENT_STORE = "dynamodb://runs" }
    allow_actions         = true
    execution_role_arn    = "arn:aws:iam::123456789012:role/coding-agent-execution"
    trust_policy          = "{}"
    log_group_name        = "/coding-agent/console"
    queue_arn             = "arn:aws:sqs:us-east-1:123456789012:jobs"
    dead_letter_queue_arn = "arn:aws:sqs:us-east-1:123456789012:dead-letters"
    table_arn             = "arn:aws:dynamodb:us-east-1:123456789012:table/runs"
    artifacts             = { bucket_arn = "arn:aws:s3:::artifacts", prefix = "artifacts", templates = "templates" }
  }

  assert {
    condition     = contains(local.console.command, "--allow-actions")
    error_message = "the console is started with its actions"
  }

  assert {
    condition = [for statement in data.aws_iam_policy_document.task.statement : join(" ", concat(tolist(statement.actions), tolist(statement.resources))) if startswith(statement.sid, "Replay")] == [
      "sqs:SendMessage ${var.queue_arn}",
      "sqs:DeleteMessage ${var.dead_letter_queue_arn}",
    ]
    error_message = "it sends to the queue, and deletes from the dead-letter queue"
  }
}

run "state_is_kept_and_closed" {
  command = plan

  module {
    source = "./modules/state"
  }

  variables {
    artifacts_prefix = "artifacts"
  }

  assert {
    condition     = aws_dynamodb_table.runs.deletion_protection_enabled && aws_dynamodb_table.runs.point_in_time_recovery[0].enabled && aws_dynamodb_table.runs.server_side_encryption[0].enabled
    error_message = "the table is protected, encrypted, and can be taken back to any moment"
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.artifacts.block_public_acls && aws_s3_bucket_public_access_block.artifacts.block_public_policy && aws_s3_bucket_public_access_block.artifacts.ignore_public_acls && aws_s3_bucket_public_access_block.artifacts.restrict_public_buckets
    error_message = "no artifact is public"
  }

  assert {
    condition     = aws_s3_bucket_versioning.artifacts.versioning_configuration[0].status == "Enabled"
    error_message = "artifacts are versioned"
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.artifacts.statement : statement.effect if tolist(statement.condition)[0].variable == "aws:SecureTransport"] == ["Deny"]
    error_message = "artifacts travel by TLS alone"
  }
}

run "the_sender_only_sends" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    visibility_timeout = 120
    max_receives       = 90
    sender_iam_user    = true
    sender_oidc        = { provider = "arn:aws:iam::123456789012:oidc-provider/tokens.example.org/tenant", audience = "coding-agent", subject = "backend" }
  }

  assert {
    condition     = length(data.aws_iam_policy_document.sender.statement) == 1 && tolist(data.aws_iam_policy_document.sender.statement[0].actions) == tolist(["sqs:SendMessage"]) && tolist(data.aws_iam_policy_document.sender.statement[0].resources) == tolist([aws_sqs_queue.jobs.arn])
    error_message = "a sender sends to one queue, and does nothing else"
  }

  assert {
    condition     = toset([for condition in data.aws_iam_policy_document.sender_trust[0].statement[0].condition : "${condition.variable}=${one(condition.values)}"]) == toset(["tokens.example.org/tenant:aud=coding-agent", "tokens.example.org/tenant:sub=backend"])
    error_message = "the role is one subject's of one audience"
  }

  assert {
    condition     = aws_sqs_queue.jobs.sqs_managed_sse_enabled && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled
    error_message = "messages are encrypted"
  }
}

run "secrets_are_empty" {
  command = plan

  module {
    source = "./modules/secrets"
  }

  variables {
    variables     = ["GITHUB_TOKEN", "CODING_AGENT_API_KEYS"]
    recovery_days = 30
  }

  assert {
    condition     = { for variable, secret in aws_secretsmanager_secret.this : variable => secret.name } == { GITHUB_TOKEN = "coding-agent/github-token", CODING_AGENT_API_KEYS = "coding-agent/coding-agent-api-keys" }
    error_message = "a secret for each variable, and no version of it anywhere in this module"
  }
}

run "without_a_certificate_no_key_travels_in_the_clear" {
  command = plan

  module {
    source = "./modules/intake"
  }

  variables {
    vpc_id                     = "vpc-1"
    public_subnet_ids          = ["subnet-public-1", "subnet-public-2"]
    service_security_group_id  = "sg-service"
    certificate_arn            = null
    domain                     = null
    allow_plaintext_intake     = false
    cidrs                      = ["0.0.0.0/0"]
    waf_requests_per_5_minutes = null
    waf_managed_rules          = "off"
    access_logs                = true
    deletion_protection        = true
  }

  assert {
    condition     = tolist(aws_lb_listener_rule.health[0].condition)[0].path_pattern[0].values == toset(["/health"]) && aws_lb_listener_rule.health[0].action[0].type == "forward"
    error_message = "/health is served"
  }

  assert {
    condition     = contains(tolist(aws_lb_listener_rule.plaintext_jobs[0].condition)[0].path_pattern[0].values, "/fix-issue") && aws_lb_listener_rule.plaintext_jobs[0].action[0].fixed_response[0].status_code == "403" && strcontains(aws_lb_listener_rule.plaintext_jobs[0].action[0].fixed_response[0].message_body, "certificate")
    error_message = "/fix-issue is answered with a 403 that says why"
  }

  assert {
    condition     = contains(tolist(aws_lb_listener_rule.plaintext_jobs[0].condition)[0].path_pattern[0].values, "/webhook/*")
    error_message = "nor are GitHub's events taken"
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "fixed-response" && aws_lb_listener.http.default_action[0].fixed_response[0].status_code == "404"
    error_message = "nothing else is served"
  }

  assert {
    condition     = length(aws_lb_listener.https) == 0 && [for rule in values(aws_vpc_security_group_ingress_rule.callers) : rule.from_port] == [80]
    error_message = "443 is closed"
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.tasks.referenced_security_group_id == "sg-service" && aws_vpc_security_group_egress_rule.tasks.cidr_ipv4 == null
    error_message = "the load balancer calls the tasks alone"
  }

  assert {
    condition     = aws_lb.this.drop_invalid_header_fields && aws_lb.this.enable_deletion_protection && aws_lb.this.access_logs[0].enabled
    error_message = "odd headers are dropped, requests logged, and the load balancer kept"
  }
}

run "a_first_trial_may_be_in_the_clear" {
  command = plan

  module {
    source = "./modules/intake"
  }

  variables {
    vpc_id                     = "vpc-1"
    public_subnet_ids          = ["subnet-public-1", "subnet-public-2"]
    service_security_group_id  = "sg-service"
    certificate_arn            = null
    domain                     = null
    allow_plaintext_intake     = true
    cidrs                      = ["192.0.2.0/24"]
    waf_requests_per_5_minutes = null
    waf_managed_rules          = "off"
    access_logs                = false
    deletion_protection        = false
  }

  assert {
    condition     = aws_lb_listener_rule.plaintext_jobs[0].action[0].type == "forward" && length(aws_lb_listener_rule.plaintext_jobs[0].action[0].fixed_response) == 0
    error_message = "jobs are taken over HTTP where that was asked for"
  }

  assert {
    condition     = [for rule in values(aws_vpc_security_group_ingress_rule.callers) : rule.cidr_ipv4] == ["192.0.2.0/24"]
    error_message = "callers can be kept to some addresses"
  }
}

run "with_a_certificate_everything_is_https" {
  command = plan

  module {
    source = "./modules/intake"
  }

  variables {
    vpc_id                     = "vpc-1"
    public_subnet_ids          = ["subnet-public-1", "subnet-public-2"]
    service_security_group_id  = "sg-service"
    certificate_arn            = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-90ab-cdef-1234-567890abcdef"
    domain                     = null
    allow_plaintext_intake     = false
    cidrs                      = ["0.0.0.0/0"]
    waf_requests_per_5_minutes = 2000
    waf_managed_rules          = "off"
    access_logs                = true
    deletion_protection        = true
  }

  assert {
    condition     = aws_lb_listener.https[0].port == 443 && strcontains(aws_lb_listener.https[0].ssl_policy, "TLS13-1-2") && aws_lb_listener.https[0].certificate_arn == var.certificate_arn && aws_lb_listener.https[0].default_action[0].type == "forward"
    error_message = "HTTPS by TLS 1.2 or newer"
  }

  assert {
    condition     = tolist(aws_lb_listener_rule.redirect[0].condition)[0].http_request_method[0].values == toset(["GET", "HEAD"]) && aws_lb_listener_rule.redirect[0].action[0].redirect[0].protocol == "HTTPS" && aws_lb_listener_rule.redirect[0].action[0].redirect[0].status_code == "HTTP_301"
    error_message = "a GET on port 80 is redirected"
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].fixed_response[0].status_code == "403" && strcontains(aws_lb_listener.http.default_action[0].fixed_response[0].message_body, "use https")
    error_message = "a POST on port 80 is told to use https"
  }

  assert {
    condition     = length(aws_lb_listener_rule.health) == 0 && length(aws_lb_listener_rule.plaintext_jobs) == 0
    error_message = "port 80 forwards nothing"
  }

  assert {
    condition     = [for rule in values(aws_vpc_security_group_ingress_rule.callers) : rule.from_port] == [80, 443] && alltrue([for rule in values(aws_vpc_security_group_ingress_rule.callers) : rule.from_port == rule.to_port && rule.ip_protocol == "tcp"])
    error_message = "80 and 443 alone are open to the world"
  }

  assert {
    condition     = aws_wafv2_web_acl.this[0].rule != null && aws_wafv2_web_acl_association.this[0].resource_arn == aws_lb.this.arn
    error_message = "the WAF is in front of the load balancer"
  }
}
