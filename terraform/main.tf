# The whole service: who calls it at the top, what it stands on at the bottom.

locals {
  tags = merge(var.tags, { Deployment = var.name, ManagedBy = "terraform" })
}

# HTTPS calls come in here ...
module "intake" {
  source = "./modules/intake"

  name                       = var.name
  vpc_id                     = module.network.vpc_id
  public_subnet_ids          = module.network.public_subnet_ids
  service_security_group_id  = module.service.security_group_id
  port                       = local.port
  certificate_arn            = var.certificate_arn
  domain                     = var.domain
  allow_plaintext_intake     = var.allow_plaintext_intake
  cidrs                      = var.intake_cidrs
  waf_requests_per_5_minutes = var.waf_requests_per_5_minutes
  waf_managed_rules          = var.waf_managed_rules
  access_logs                = var.access_logs
  deletion_protection        = var.deletion_protection
  tags                       = local.tags
}

# ... and jobs here; failed ones wait beside it for an operator ...
module "queue" {
  source = "./modules/queue"

  name               = var.name
  visibility_timeout = var.visibility_timeout
  max_receives       = var.max_receives
  sender_iam_user    = var.sender_iam_user
  sender_oidc        = var.sender_oidc
  tags               = local.tags
}

# ... the workers run them, as many as there is work for ...
module "service" {
  source = "./modules/service"

  name           = var.name
  image          = var.image
  settings       = merge(var.environment, local.settings, { for name, value in local.optional : name => value if value != "" })
  secret_arns    = module.secrets.arns
  port           = local.port
  data_dir       = local.data_dir
  sandbox_socket = local.sandbox_socket
  cpu            = var.cpu
  memory         = var.memory
  storage_gib    = var.storage_gib
  architecture   = var.architecture

  min_tasks        = var.min_tasks
  max_tasks        = var.max_tasks
  on_demand_tasks  = var.on_demand_tasks
  spot_percent     = var.spot_percent
  jobs_per_task    = var.jobs_per_task
  scale_in_minutes = var.scale_in_minutes
  night            = var.night
  night_timezone   = var.night_timezone
  night_weekends   = var.night_weekends

  vpc_id                   = module.network.vpc_id
  private_subnet_ids       = module.network.private_subnet_ids
  intake_security_group_id = module.intake.security_group_id
  target_group_arn         = module.intake.target_group_arn
  log_group_names          = module.observability.log_group_names

  queue                 = { arn = module.queue.queue_arn, name = module.queue.queue_name }
  dead_letter_queue_arn = module.queue.dead_letter_queue_arn
  topic_arns            = concat([module.events.topic_arn], var.allowed_topics)
  table_arn             = module.state.table_arn
  artifacts             = { bucket_arn = module.state.bucket_arn, prefix = local.artifacts_prefix, templates = local.templates_prefix }
  tags                  = local.tags
}

# ... an operator looks at them, if he wants to, from a task that he starts ...
module "console" {
  source = "./modules/console"
  count  = var.console == "off" ? 0 : 1

  name                  = var.name
  image                 = var.image
  architecture          = var.architecture
  settings              = { for name in local.console_settings : name => local.settings[name] }
  allow_actions         = var.console == "actions"
  execution_role_arn    = module.service.execution_role_arn
  trust_policy          = module.service.trust_policy
  log_group_name        = module.observability.log_group_names["console"]
  queue_arn             = module.queue.queue_arn
  dead_letter_queue_arn = module.queue.dead_letter_queue_arn
  table_arn             = module.state.table_arn
  artifacts             = { bucket_arn = module.state.bucket_arn, prefix = local.artifacts_prefix, templates = local.templates_prefix }
  tags                  = local.tags
}

# ... and their outcomes are published here.
module "events" {
  source = "./modules/events"

  name = var.name
  tags = local.tags
}

# Runs, money and artifacts outlive every task.
module "state" {
  source = "./modules/state"

  name             = var.name
  artifacts_prefix = local.artifacts_prefix
  tags             = local.tags
}

module "secrets" {
  source = "./modules/secrets"

  name          = var.name
  variables     = local.secrets
  recovery_days = var.secret_recovery_days
  tags          = local.tags
}

module "network" {
  source = "./modules/network"

  name                      = var.name
  vpc_cidr                  = var.vpc_cidr
  zones                     = var.zones
  nat                       = var.nat
  interface_endpoints       = var.interface_endpoints
  bedrock                   = contains(local.model_providers, "bedrock")
  console                   = var.console != "off"
  flow_logs                 = var.flow_logs
  log_retention_days        = var.log_retention_days
  service_security_group_id = module.service.security_group_id
  tags                      = local.tags
}

# With a DNS firewall, tasks find only the names that egress.tf lists.
module "egress" {
  source = "./modules/egress"
  count  = var.dns_firewall == "off" ? 0 : 1

  name               = var.name
  vpc_id             = module.network.vpc_id
  blocks             = var.dns_firewall == "block"
  domains            = local.egress_domains
  log_retention_days = var.log_retention_days
  tags               = local.tags
}

module "observability" {
  source = "./modules/observability"

  name                   = var.name
  containers             = toset(concat(["worker", "sandbox"], var.console == "off" ? [] : ["console"]))
  log_retention_days     = var.log_retention_days
  alarm_emails           = var.alarm_emails
  thresholds             = var.alarm_thresholds
  max_cost_usd_per_day   = var.budget.max_cost_usd_per_day
  may_sleep              = var.min_tasks == 0 || var.night != null
  queue_name             = module.queue.queue_name
  dead_letter_queue_name = module.queue.dead_letter_queue_name
  cluster_name           = module.service.cluster_name
  service_name           = module.service.service_name
  alb_metrics_name       = module.intake.alb_metrics_name
  tags                   = local.tags
}
