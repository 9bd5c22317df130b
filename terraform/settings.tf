# The worker's environment: every setting of pipeline/settings.py that a deployment has to give. The others, and why they
# are not needed here, are in README.md; tests/terraform compares both with the code.
locals {
  port             = 8080
  artifacts_prefix = "artifacts"
  templates_prefix = "templates"
  data_dir         = "/var/lib/coding-agent"
  sandbox_socket   = "/run/coding-agent/sandbox.sock"

  settings = {
    CODING_AGENT_QUEUE_URL                       = module.queue.queue_url
    CODING_AGENT_TOPIC_ARN                       = module.events.topic_arn
    CODING_AGENT_STORE                           = "dynamodb://${module.state.table_name}"
    CODING_AGENT_ARTIFACTS                       = "s3://${module.state.bucket_name}/${local.artifacts_prefix}"
    CODING_AGENT_TEMPLATES                       = "s3://${module.state.bucket_name}/${local.templates_prefix}"
    CODING_AGENT_DATA_DIR                        = local.data_dir
    CODING_AGENT_HOST                            = "0.0.0.0"
    CODING_AGENT_PORT                            = tostring(local.port)
    CODING_AGENT_SANDBOX                         = "uid"
    CODING_AGENT_SANDBOX_SOCKET                  = local.sandbox_socket
    CODING_AGENT_MODEL                           = var.model
    CODING_AGENT_PUSH                            = var.push
    CODING_AGENT_ALLOWED_REPOSITORIES            = join(",", var.allowed_repositories)
    CODING_AGENT_CONCURRENCY                     = tostring(var.concurrency)
    CODING_AGENT_VISIBILITY_TIMEOUT              = tostring(var.visibility_timeout)
    CODING_AGENT_MAX_COST_USD                    = tostring(var.budget.max_cost_usd)
    CODING_AGENT_MAX_MINUTES                     = tostring(var.budget.max_minutes)
    CODING_AGENT_MAX_ROUNDS                      = tostring(var.budget.max_rounds)
    CODING_AGENT_MAX_COST_USD_PER_REPOSITORY_DAY = tostring(var.budget.max_cost_usd_per_repository_day)
    CODING_AGENT_MAX_COST_USD_PER_DAY            = tostring(var.budget.max_cost_usd_per_day)
    GITHUB_API_URL                               = var.github_api_url
  }

  # Left out where they are empty.
  optional = {
    CODING_AGENT_ALLOWED_MODELS  = join(",", var.allowed_models)
    CODING_AGENT_ALLOWED_TOPICS  = join(",", var.allowed_topics)
    CODING_AGENT_PROTECTED_PATHS = join(",", var.protected_paths)
    CODING_AGENT_KEY_LIMITS      = length(var.key_limits) == 0 ? "" : jsonencode(var.key_limits)
    GITHUB_APP_ID                = var.github_app_id == null ? "" : var.github_app_id
  }

  # What the console is told of these.
  console_settings = ["CODING_AGENT_QUEUE_URL", "CODING_AGENT_STORE", "CODING_AGENT_ARTIFACTS", "CODING_AGENT_TEMPLATES", "CODING_AGENT_DATA_DIR", "CODING_AGENT_MAX_COST_USD", "CODING_AGENT_MAX_MINUTES", "CODING_AGENT_MAX_ROUNDS"]

  secrets = setunion(
    [var.github_app_id == null ? "GITHUB_TOKEN" : "GITHUB_APP_PRIVATE_KEY", "CODING_AGENT_API_KEYS"],
    var.github_webhook ? ["CODING_AGENT_WEBHOOK_SECRET"] : [],
    var.model_secrets,
  )
}
