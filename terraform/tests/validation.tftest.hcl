# Every `validation` block refuses what it should: each run hands in one bad value for each variable that it lists.

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

run "what_has_to_be_chosen" {
  command = plan

  variables {
    image                = "coding-agent"
    model                = "two models"
    model_secrets        = ["anthropic-key"]
    push                 = "main"
    allowed_repositories = []
  }

  expect_failures = [var.image, var.model, var.model_secrets, var.push, var.allowed_repositories]
}

run "what_only_looks_right" {
  command = plan

  variables {
    image                = "example.org/coding-agent:latest"
    model                = "scripted:replies.yaml"
    model_secrets        = ["GITHUB_TOKEN"]
    allowed_repositories = ["octo/hourglass, octo/other"]
    name                 = "internal-agent"
    budget               = { max_rounds = 1.5 }
    vpc_cidr             = "10.0.0.0/8"
    nat                  = "single"
    max_receives         = 5
    github_app_id        = "my-app"
    protected_paths      = ["deploy/*, infra/*"]
    key_limits           = { "two words" = { labels = ["bot"] } }
    memory               = 4097
    min_tasks            = 11
    max_tasks            = 10
    intake_cidrs         = ["2001:db8::/32"]
    sender_oidc          = { provider = "accounts.google.com", audience = "coding-agent", subject = "*" }
    alarm_thresholds     = { failure_share = 20 }
  }

  expect_failures = [
    var.image, var.model, var.model_secrets, var.allowed_repositories, var.name, var.budget, var.vpc_cidr, var.nat, var.max_receives,
    var.github_app_id, var.protected_paths, var.key_limits, var.memory, var.max_tasks, var.intake_cidrs, var.sender_oidc, var.alarm_thresholds,
  ]
}

run "out_of_bounds" {
  command = plan

  variables {
    name                       = "Coding_Agent"
    tags                       = { "aws:owner" = "me" }
    allowed_models             = ["one,two"]
    allowed_topics             = ["https://example.org/events"]
    key_limits                 = { sevalla = { max_cost_usd_per_day = 0 } }
    budget                     = { max_cost_usd = 0 }
    concurrency                = 0
    github_api_url             = "http://github.example.org/api/v3"
    vpc_cidr                   = "10.0.0.0/99"
    zones                      = 1
    visibility_timeout         = 3601
    max_receives               = 1001
    sender_oidc                = { provider = "example.org", audience = "coding-agent", subject = "backend" }
    cpu                        = 256
    storage_gib                = 20
    architecture               = "ARM"
    min_tasks                  = -1
    spot_percent               = 101
    jobs_per_task              = 0
    scale_in_minutes           = 0
    night                      = "20:00"
    night_timezone             = "Europe Berlin"
    console                    = "on"
    certificate_arn            = "intake.example.org"
    intake_cidrs               = ["anywhere"]
    waf_requests_per_5_minutes = 9
    waf_managed_rules          = "on"
    egress_domains             = ["https://example.org"]
    log_retention_days         = 31
    secret_recovery_days       = 3
    alarm_emails               = ["operations"]
    alarm_thresholds           = { cpu_percent = 100 }
  }

  expect_failures = [
    var.name, var.tags, var.allowed_models, var.allowed_topics, var.key_limits, var.budget, var.concurrency, var.github_api_url,
    var.vpc_cidr, var.zones, var.visibility_timeout, var.max_receives, var.sender_oidc, var.cpu,
    var.storage_gib, var.architecture, var.min_tasks, var.spot_percent,
    var.jobs_per_task, var.scale_in_minutes, var.night, var.night_timezone, var.console, var.certificate_arn, var.intake_cidrs, var.waf_requests_per_5_minutes,
    var.waf_managed_rules, var.egress_domains,
    var.log_retention_days, var.secret_recovery_days, var.alarm_emails, var.alarm_thresholds,
  ]
}

# What is held against other values, where those are good.
run "together" {
  command = plan

  variables {
    environment            = { CODING_AGENT_MODEL = "another" }
    allow_plaintext_intake = true
    certificate_arn        = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-90ab-cdef-1234-567890abcdef"
    max_tasks              = 3
    on_demand_tasks        = 4
    nat                    = "none"
  }

  expect_failures = [var.environment, var.allow_plaintext_intake, var.on_demand_tasks, var.nat]
}

run "a_secret_in_the_clear" {
  command = plan

  variables {
    environment = { OPENAI_API_KEY = "sk-..." }
    domain      = { name = "Agent", zone_id = "example.org" }
    max_tasks   = 0
  }

  expect_failures = [var.environment, var.domain, var.max_tasks]
}

run "two_certificates" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-90ab-cdef-1234-567890abcdef"
    domain          = { name = "agent.example.org", zone_id = "Z0123456789ABCDEFGHIJ" }
  }

  expect_failures = [var.domain]
}

# Not judged while a variable that it depends on is wrong.
run "a_firewall_of_no_kind" {
  command = plan

  variables {
    dns_firewall = "on"
  }

  expect_failures = [var.dns_firewall]
}

run "a_firewall_that_would_block_the_model" {
  command = plan

  variables {
    model          = "gpt-4o"
    dns_firewall   = "block"
    night_weekends = true
  }

  expect_failures = [var.dns_firewall, var.night_weekends]
}

run "roles_for_more_than_one_repository" {
  command = plan

  module {
    source = "./examples/account"
  }

  variables {
    name              = "Coding Agent"
    images_kept       = 1
    github_repository = "octo/*"
  }

  expect_failures = [var.name, var.images_kept, var.github_repository]
}
