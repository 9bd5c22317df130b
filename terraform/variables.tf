# Variables without a default must be chosen: the image, the model, the repositories, and where the service may push.

variable "image" {
  description = "The container image, pinned by a tag or a digest: ACCOUNT.dkr.ecr.REGION.amazonaws.com/coding-agent:0.1.0."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^\\s@]+(:[A-Za-z0-9_][A-Za-z0-9_.-]*|@sha256:[0-9a-f]{64})$", var.image)) && !endswith(var.image, ":latest")
    error_message = "image must end with a tag other than latest, or with @sha256:DIGEST: a deployment that can't be named can't be rolled back."
  }
}

variable "model" {
  description = "A LiteLLM model name, such as anthropic/claude-sonnet-4-5."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][^\\s,]*$", var.model)) && !startswith(var.model, "scripted:")
    error_message = "model must be one LiteLLM model name; scripted: is for machines without AWS."
  }
}

variable "model_secrets" {
  description = "Environment variables with the keys that the models need, such as [\"ANTHROPIC_API_KEY\"]. An empty secret is created for each. [] for Amazon Bedrock, which the task role gives access to. OTEL_EXPORTER_OTLP_HEADERS, with a trace collector's key, may be among them."
  type        = set(string)
  nullable    = false

  validation {
    condition     = alltrue([for name in var.model_secrets : can(regex("^([A-Z][A-Z0-9_]*_(API_KEY|KEY|TOKEN|SECRET|PASSWORD)|OTEL_EXPORTER_OTLP_(TRACES_)?HEADERS)$", name)) && !startswith(name, "GITHUB_")])
    error_message = "model_secrets must be names of environment variables that end with _API_KEY, _KEY, _TOKEN, _SECRET or _PASSWORD (those are kept out of logs), or OTEL_EXPORTER_OTLP_HEADERS; GitHub's has its secret already."
  }
}

variable "push" {
  description = "Where fixes are pushed. branch: to the same repository, whose CI then runs code that a model wrote, perhaps with its secrets. fork: to the token's own fork, whose pull requests get no secrets."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["branch", "fork"], var.push)
    error_message = "push must be branch or fork."
  }
}

variable "allowed_repositories" {
  description = "Repositories whose issues are worked on: owner/name and owner/* patterns; [\"*\"] for any that the GitHub token can write to."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.allowed_repositories) > 0 && alltrue([for pattern in var.allowed_repositories : can(regex("^(\\*|[^/\\s,]+/[^/\\s,]+)$", pattern))])
    error_message = "allowed_repositories must be owner/name or owner/* patterns, at least one; \"*\" for any."
  }
}

# The deployment

variable "name" {
  description = "Prefix of every name. Two deployments in one account need different names and different regions: all workers in a region report to the same metrics."
  type        = string
  default     = "coding-agent"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}[a-z0-9]$", var.name)) && !startswith(var.name, "internal-")
    error_message = "name must be 3 to 21 lower-case letters, digits and dashes, from a letter to a letter or digit, and not begin with internal-: load balancers and buckets are named after it."
  }
}

variable "tags" {
  description = "Tags of every resource, besides Deployment and ManagedBy."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags must not begin with aws:, which is AWS' own."
  }
}

# What a job may ask for, and spend

variable "allowed_models" {
  description = "Models that a job may request; if empty, only the model."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.allowed_models : can(regex("^[A-Za-z0-9][^\\s,]*$", name))])
    error_message = "allowed_models must be LiteLLM model names."
  }
}

variable "allowed_topics" {
  description = "ARNs of other SNS topics that a job may have its events sent to. The worker may publish there; if a topic belongs to another account, its policy must allow that, too."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.allowed_topics : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$", arn))])
    error_message = "allowed_topics must be ARNs of SNS topics."
  }
}

variable "protected_paths" {
  description = "Patterns of paths that no patch may write, such as [\"deploy/*\"]."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for pattern in var.protected_paths : can(regex("^[^\\s,]+$", pattern))])
    error_message = "protected_paths must be patterns without commas and spaces."
  }
}

variable "key_limits" {
  description = "What each API key may ask for, by the key's name: patterns of repositories, labels and reviewers that its jobs may set, US dollars that its jobs may cost in a UTC day. What is left out limits nothing. operator: it sees and cancels every job."
  type = map(object({
    repositories         = optional(list(string))
    labels               = optional(list(string))
    reviewers            = optional(list(string))
    max_cost_usd_per_day = optional(number)
    operator             = optional(bool, false)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.key_limits) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", name))])
    error_message = "key_limits must be keyed by names of API keys: up to 64 of A-Z a-z 0-9 . _ -."
  }

  validation {
    condition     = alltrue([for limits in values(var.key_limits) : try(limits.max_cost_usd_per_day > 0, limits.max_cost_usd_per_day == null)])
    error_message = "max_cost_usd_per_day must be more than 0."
  }
}

variable "budget" {
  description = "Limits, named as the settings are: for a run (US dollars, minutes, rounds; the most that a job may request), and for a UTC day (US dollars for a repository and for the deployment)."
  type = object({
    max_cost_usd                    = optional(number, 3)
    max_minutes                     = optional(number, 60)
    max_rounds                      = optional(number, 4)
    max_cost_usd_per_repository_day = optional(number, 20)
    max_cost_usd_per_day            = optional(number, 200)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for limit in values(var.budget) : limit > 0]) && floor(var.budget.max_rounds) == var.budget.max_rounds
    error_message = "budget: every limit must be more than 0, and max_rounds a whole number."
  }
}

variable "concurrency" {
  description = "Runs at once in a task."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 64 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency must be a whole number from 1 to 64."
  }
}

variable "github_app_id" {
  description = "Access GitHub as this App, with its private key in the secret GITHUB_APP_PRIVATE_KEY; null: with a token, in the secret GITHUB_TOKEN."
  type        = string
  default     = null

  validation {
    condition     = var.github_app_id == null ? true : can(regex("^[0-9]+$", var.github_app_id)) && var.push != "fork"
    error_message = "github_app_id must be a number, and push then branch: an App has no account to fork to."
  }
}

variable "github_webhook" {
  description = "Receive GitHub's events at /webhook/github, signed with the secret CODING_AGENT_WEBHOOK_SECRET. GitHub's addresses must be among intake_cidrs."
  type        = bool
  default     = false
  nullable    = false
}

variable "github_api_url" {
  description = "GitHub's API, or GitHub Enterprise's, on port 443."
  type        = string
  default     = "https://api.github.com"
  nullable    = false

  validation {
    condition     = can(regex("^https://[A-Za-z0-9.-]+(:443)?(/|$)", var.github_api_url))
    error_message = "github_api_url must be an https address on port 443: nothing else is let out."
  }
}

variable "environment" {
  description = "More environment variables for the worker: settings that have no variable here, and those that LiteLLM reads, such as OPENAI_API_BASE. No secrets: those belong in model_secrets."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.environment) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !can(regex("(_KEY|_TOKEN|_SECRET|_PASSWORD|_API_KEYS|_HEADERS)$", name))])
    error_message = "environment must be names of environment variables, none of them a secret's: a value here is in the state and in the task definition, for everybody who may look."
  }

  validation {
    condition     = length(setintersection(keys(var.environment), concat(keys(local.settings), keys(local.optional)))) == 0
    error_message = "environment must not hold what has a variable of its own or is derived: see terraform/settings.tf."
  }
}

# The network

variable "vpc_cidr" {
  description = "Addresses of the VPC, a /16 to a /24; each subnet takes a sixteenth of them."
  type        = string
  default     = "10.0.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && can(regex("/(1[6-9]|2[0-4])$", var.vpc_cidr))
    error_message = "vpc_cidr must be an IPv4 range from /16 to /24, such as 10.0.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones: 2 or 3."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = contains([2, 3], var.zones)
    error_message = "zones must be 2 or 3."
  }
}

variable "nat" {
  description = "How tasks reach the internet. instance: one small instance that is replaced when it fails, the cheapest. gateway: one NAT gateway; if its zone fails, the other zones lose internet access, too. gateway_per_zone: one in each zone. none: endpoints for AWS and IPv6 for the rest; github.com has no IPv6, so only for a GitHub Enterprise that has. docs/cost.md compares them."
  type        = string
  default     = "instance"
  nullable    = false

  validation {
    condition     = contains(["instance", "gateway", "gateway_per_zone", "none"], var.nat)
    error_message = "nat must be instance, gateway, gateway_per_zone or none."
  }

  validation {
    condition     = var.nat != "none" || !can(regex("^https://api\\.(github\\.com|[^/]+\\.ghe\\.com)(:443)?(/|$)", var.github_api_url))
    error_message = "nat can be none only with a github_api_url that is reached by IPv6: github.com and ghe.com are not."
  }
}

variable "interface_endpoints" {
  description = "Reach SQS, SNS, Secrets Manager, CloudWatch Logs, ECR, a Bedrock model and the console's sessions through endpoints in the VPC, if rules forbid the public internet. They cost money by the hour, seldom less than the NAT traffic that they save."
  type        = bool
  default     = false
  nullable    = false
}

variable "flow_logs" {
  description = "Log the VPC's traffic."
  type        = bool
  default     = false
  nullable    = false
}

variable "dns_firewall" {
  description = "A DNS firewall in front of the tasks. off: they find every name. alert: names that egress.tf does not list are logged. block: these are not found. It judges names only: a connection to a known address passes."
  type        = string
  default     = "off"
  nullable    = false

  validation {
    condition     = contains(["off", "alert", "block"], var.dns_firewall)
    error_message = "dns_firewall must be off, alert or block."
  }

  validation {
    condition     = var.dns_firewall != "block" || length(local.unknown_providers) == 0 || length(concat(var.egress_domains, local.environment_hosts)) > 0
    error_message = "dns_firewall can't block while no host is known for ${join(", ", local.unknown_providers)}: name the model with its provider, such as openai/gpt-4o, or its host in egress_domains."
  }
}

variable "egress_domains" {
  description = "More names for the DNS firewall to let through, such as [\"packages.example.com\", \"*.example.org\"]: package indexes, and models that egress.tf does not know. The hosts of addresses in environment are known."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for domain in var.egress_domains : can(regex("^([*][.])?([a-z0-9_-]+[.])+[a-z0-9-]{2,}$", domain))])
    error_message = "egress_domains must be names in lower case, each with at most one * in front: *.example.com."
  }
}

# The queue and its sender

variable "visibility_timeout" {
  description = "Seconds for which a received message stays hidden after its worker dies; a live worker keeps extending it."
  type        = number
  default     = 120
  nullable    = false

  validation {
    condition     = var.visibility_timeout >= 10 && var.visibility_timeout <= 3600
    error_message = "visibility_timeout must be from 10 to 3600 seconds: a dead worker's run waits for so long, and a live one is put back twice as long before the 12 hours for which SQS hides a message."
  }
}

variable "max_receives" {
  description = "Receives after which SQS itself moves a message to the dead-letter queue. The worker ends hopeless runs itself, and replaces the message of a run that only waits by a copy after 15 receives."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.max_receives >= 20 && var.max_receives <= 1000
    error_message = "max_receives must be from 20 (a run may be received often before it ends) to 1000."
  }
}

variable "sender_iam_user" {
  description = "Create an IAM user that may only send jobs, for a backend outside AWS. Its access key is created by hand."
  type        = bool
  default     = false
  nullable    = false
}

variable "sender_oidc" {
  description = "Let a backend outside AWS assume a role that may only send jobs, with its platform's OIDC tokens: provider (accounts.google.com, or the ARN of an IAM OIDC provider), audience, subject."
  type        = object({ provider = string, audience = string, subject = string })
  default     = null

  validation {
    condition = var.sender_oidc == null ? true : (
      can(regex("^(accounts\\.google\\.com|arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/.+)$", var.sender_oidc.provider))
      && length(var.sender_oidc.audience) > 0 && length(var.sender_oidc.subject) > 0 && !strcontains(var.sender_oidc.subject, "*")
    )
    error_message = "sender_oidc must name accounts.google.com or an IAM OIDC provider's ARN, an audience, and one subject without *."
  }
}

# The tasks

variable "cpu" {
  description = "A task's CPU, in units of 1/1024 vCPU."
  type        = number
  default     = 2048
  nullable    = false

  validation {
    condition     = contains([1024, 2048, 4096, 8192, 16384], var.cpu)
    error_message = "cpu must be 1024, 2048, 4096, 8192 or 16384: less can't run a test suite."
  }
}

variable "memory" {
  description = "A task's memory, in MiB; Fargate accepts certain amounts for each cpu."
  type        = number
  default     = 4096
  nullable    = false

  # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
  validation {
    condition = contains(lookup({
      1024  = range(2048, 8193, 1024)
      2048  = range(4096, 16385, 1024)
      4096  = range(8192, 30721, 1024)
      8192  = range(16384, 61441, 4096)
      16384 = range(32768, 122881, 8192)
    }, var.cpu, []), var.memory)
    error_message = "memory must fit cpu: 2 to 8 GB for each vCPU, in steps of 1024 MiB (4096 for 8192, 8192 for 16384)."
  }
}

variable "storage_gib" {
  description = "A task's disk for work trees and caches, in GiB; the first 20 cost nothing."
  type        = number
  default     = 40
  nullable    = false

  validation {
    condition     = var.storage_gib >= 21 && var.storage_gib <= 200
    error_message = "storage_gib must be from 21 to 200."
  }
}

variable "architecture" {
  description = "ARM64, or X86_64 at a higher price; the image must be built for it."
  type        = string
  default     = "ARM64"
  nullable    = false

  validation {
    condition     = contains(["ARM64", "X86_64"], var.architecture)
    error_message = "architecture must be ARM64 or X86_64."
  }
}

variable "min_tasks" {
  description = "Tasks that always run. 0 saves their cost while there is no work. Then the HTTP intake and /health are down meanwhile, the first job waits minutes for a task to start, and there is no alarm no-heartbeat."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.min_tasks >= 0 && floor(var.min_tasks) == var.min_tasks
    error_message = "min_tasks must be a whole number, 0 or more."
  }
}

variable "max_tasks" {
  description = "The most tasks that may run; this bounds the bill."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_tasks >= 1 && var.max_tasks >= var.min_tasks && floor(var.max_tasks) == var.max_tasks
    error_message = "max_tasks must be a whole number, at least 1 and at least min_tasks."
  }
}

variable "on_demand_tasks" {
  description = "The number of running tasks that are never on Spot. 0, the default, costs least: runs survive the loss of their tasks, but while AWS has no Spot capacity, jobs wait and the HTTP intake answers 503. Set 1 if callers or GitHub's webhook depend on the intake."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.on_demand_tasks >= 0 && var.on_demand_tasks <= var.max_tasks && floor(var.on_demand_tasks) == var.on_demand_tasks
    error_message = "on_demand_tasks must be a whole number from 0 to max_tasks."
  }
}

variable "spot_percent" {
  description = "Percentage of the tasks beyond on_demand_tasks that are on Spot."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.spot_percent >= 0 && var.spot_percent <= 100 && floor(var.spot_percent) == var.spot_percent
    error_message = "spot_percent must be a whole number from 0 to 100."
  }
}

variable "jobs_per_task" {
  description = "Jobs, waiting or in progress, for each task. If it equals concurrency, nothing waits for long; a higher number costs less."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.jobs_per_task > 0
    error_message = "jobs_per_task must be more than 0."
  }
}

variable "scale_in_minutes" {
  description = "Minutes for which there must be fewer than half that many jobs before tasks are stopped."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.scale_in_minutes >= 1 && var.scale_in_minutes <= 120 && floor(var.scale_in_minutes) == var.scale_in_minutes
    error_message = "scale_in_minutes must be a whole number from 1 to 120."
  }
}

variable "night" {
  description = "Hours in which no task must run, such as \"20:00-07:00\"; null: none. A job that comes then starts a task, which takes minutes, and the HTTP intake and /health are down until it runs."
  type        = string
  default     = null

  validation {
    condition     = var.night == null ? true : can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.night)) && length(distinct(split("-", var.night))) == 2
    error_message = "night must be two times of day, HH:MM-HH:MM, such as 20:00-07:00."
  }
}

variable "night_timezone" {
  description = "The time zone of night, such as Europe/Berlin."
  type        = string
  default     = "UTC"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", var.night_timezone))
    error_message = "night_timezone must be a name of the IANA database, such as Europe/Berlin or UTC."
  }
}

variable "night_weekends" {
  description = "Whether the night lasts from Friday evening to Monday morning."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.night_weekends || var.night != null
    error_message = "night_weekends needs night: without it, tasks run at weekends, too."
  }
}

variable "console" {
  description = "The web console, as a task that an operator starts and reaches through Systems Manager. off: there is none. read-only: pages over runs, queue and history. actions: it may also replay dead letters."
  type        = string
  default     = "off"
  nullable    = false

  validation {
    condition     = contains(["off", "read-only", "actions"], var.console)
    error_message = "console must be off, read-only or actions."
  }
}

# The HTTP intake

variable "certificate_arn" {
  description = "ACM certificate of the intake's domain, in the deployment's region. null: only /health is served, over HTTP."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null ? true : can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of an ACM certificate."
  }
}

variable "domain" {
  description = "The intake's domain and the id of its public zone in Route 53: { name = \"agent.example.com\", zone_id = \"Z0123456789ABCDEFGHIJ\" }. The certificate is made and renewed, and the domain leads to the load balancer. In place of certificate_arn."
  type        = object({ name = string, zone_id = string })
  default     = null

  validation {
    condition     = var.domain == null ? true : can(regex("^([a-z0-9-]+[.])+[a-z]{2,}$", var.domain.name)) && can(regex("^Z[A-Z0-9]+$", var.domain.zone_id))
    error_message = "domain must hold a domain in lower case, such as agent.example.com, and the id of a zone, such as Z0123456789ABCDEFGHIJ."
  }

  validation {
    condition     = var.domain == null || var.certificate_arn == null
    error_message = "domain makes a certificate of its own: leave certificate_arn out."
  }
}

variable "allow_plaintext_intake" {
  description = "Accept jobs over HTTP as long as there is no certificate. API keys are then sent in clear text: for a first trial only."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.allow_plaintext_intake || (var.certificate_arn == null && var.domain == null)
    error_message = "allow_plaintext_intake must be false with a certificate."
  }
}

variable "intake_cidrs" {
  description = "IPv4 ranges that may call the intake."
  type        = list(string)
  default     = ["0.0.0.0/0"]
  nullable    = false

  validation {
    condition     = length(var.intake_cidrs) > 0 && alltrue([for range in var.intake_cidrs : can(cidrhost(range, 0)) && !strcontains(range, ":")])
    error_message = "intake_cidrs must be IPv4 ranges, at least one."
  }
}

variable "waf_requests_per_5_minutes" {
  description = "Requests from one address in five minutes above which a WAF blocks it; null: no WAF. The service itself limits keys and callers without one."
  type        = number
  default     = null

  validation {
    condition     = var.waf_requests_per_5_minutes == null ? true : var.waf_requests_per_5_minutes >= 10 && var.waf_requests_per_5_minutes <= 2000000000
    error_message = "waf_requests_per_5_minutes must be at least 10."
  }
}

variable "waf_managed_rules" {
  description = "AWS's own groups of WAF rules (addresses of bad repute, common attacks, known bad inputs). off: none. count: what they would block is counted and sampled. block: after a week of count, with nothing of yours among it. Rules about bodies always only count, since issues may quote attacks."
  type        = string
  default     = "off"
  nullable    = false

  validation {
    condition     = contains(["off", "count", "block"], var.waf_managed_rules)
    error_message = "waf_managed_rules must be off, count or block."
  }
}

variable "access_logs" {
  description = "Log the intake's requests in a bucket, for 90 days."
  type        = bool
  default     = true
  nullable    = false
}

variable "deletion_protection" {
  description = "Protect the load balancer against deletion. The table and the bucket of artifacts always are."
  type        = bool
  default     = true
  nullable    = false
}

variable "secret_recovery_days" {
  description = "Days for which a deleted secret can be restored (7 to 30), or 0 to delete it at once. Until then its name is taken, and the deployment can't be created again under the same name."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days must be 0, or 7 to 30."
  }
}

# Watching it

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "alarm_emails" {
  description = "Email addresses for alarms. Each receives a message to confirm."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@\\s]+@[^@\\s]+$", address))])
    error_message = "alarm_emails must be mail addresses."
  }
}

variable "alarm_thresholds" {
  description = "When alarms are raised; what each means is in docs/operations.md. Shares are 0 to 1."
  type = object({
    oldest_job_seconds          = optional(number, 7200)
    failure_share               = optional(number, 0.2)
    budget_share                = optional(number, 0.8)
    cpu_percent                 = optional(number, 90)
    memory_percent              = optional(number, 90)
    disk_percent                = optional(number, 85)
    server_errors_per_5_minutes = optional(number, 5)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      alltrue([for threshold in values(var.alarm_thresholds) : threshold > 0])
      && max(var.alarm_thresholds.failure_share, var.alarm_thresholds.budget_share) <= 1
      && max(var.alarm_thresholds.cpu_percent, var.alarm_thresholds.memory_percent, var.alarm_thresholds.disk_percent) < 100
    )
    error_message = "alarm_thresholds must be more than 0, the shares at most 1, the percentages less than 100."
  }
}
