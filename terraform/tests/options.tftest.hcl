# What an operator may add: a domain, AWS's own WAF rules, a DNS firewall.

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

run "a_domain_gets_a_certificate_and_leads_to_the_load_balancer" {
  command = plan

  module {
    source = "./modules/intake"
  }

  variables {
    name                       = "coding-agent"
    vpc_id                     = "vpc-1"
    public_subnet_ids          = ["subnet-public-1", "subnet-public-2"]
    service_security_group_id  = "sg-service"
    port                       = 8080
    certificate_arn            = null
    domain                     = { name = "agent.example.com", zone_id = "Z0123456789ABCDEFGHIJ" }
    allow_plaintext_intake     = false
    cidrs                      = ["0.0.0.0/0"]
    waf_requests_per_5_minutes = null
    waf_managed_rules          = "block"
    access_logs                = false
    deletion_protection        = true
    tags                       = {}
  }

  assert {
    condition     = aws_route53_record.validation["agent.example.com"].name == "_proof.agent.example.com." && aws_route53_record.validation["agent.example.com"].zone_id == var.domain.zone_id
    error_message = "the record that proves the domain is in its zone"
  }

  assert {
    condition     = length(aws_lb_listener.https) == 1 && length(aws_lb_listener_rule.health) == 0 && length(aws_acm_certificate_validation.this) == 1
    error_message = "with a domain, the intake speaks HTTPS"
  }

  assert {
    condition     = aws_route53_record.intake["agent.example.com"].alias[0].name == aws_lb.this.dns_name && aws_route53_record.intake["agent.example.com"].type == "A"
    error_message = "the domain leads to the load balancer"
  }

  assert {
    condition     = toset([for rule in aws_wafv2_web_acl.this[0].rule : rule.name]) == toset(keys(local.managed_groups)) && alltrue([for rule in aws_wafv2_web_acl.this[0].rule : length(rule.override_action[0].none) == 1 && length(rule.override_action[0].count) == 0])
    error_message = "AWS's own groups block, and there is no limit that was not asked for"
  }

  assert {
    condition     = alltrue([for group, rules in local.managed_groups : alltrue([for rule in rules : endswith(rule, "_BODY")])]) && contains(local.managed_groups["AWSManagedRulesCommonRuleSet"], "SizeRestrictions_BODY")
    error_message = "bodies, which quote issues, are only counted"
  }
}

run "aws_rules_count_first" {
  command = plan

  variables {
    waf_managed_rules = "count"
  }

  assert {
    condition     = length(module.egress) == 0
    error_message = "without a DNS firewall, nothing of it is made"
  }
}

run "names_are_derived_from_the_settings" {
  command = plan

  variables {
    dns_firewall   = "block"
    github_api_url = "https://api.acme.ghe.com"
    allowed_models = ["openai/gpt-4o-mini", "bedrock/anthropic.claude-sonnet-4-5"]
    environment    = { UV_DEFAULT_INDEX = "https://reader:word@Packages.example.com/simple", OPENAI_API_BASE = "https://models.example.com:8443/v1" }
    egress_domains = ["*.example.org"]
  }

  assert {
    condition = toset(local.egress_domains) == toset([
      "*.us-east-1.amazonaws.com", "*.us-east-1.api.aws", "*.internal", "api.acme.ghe.com", "acme.ghe.com", "api.anthropic.com", "api.openai.com",
      "packages.example.com", "models.example.com", "123456789012.dkr.ecr.us-east-1.amazonaws.com", "*.example.org",
    ])
    error_message = "AWS's region, GitHub, the models' providers, addresses in environment, the image, and what is added"
  }
}

run "other_names_are_refused" {
  command = plan

  module {
    source = "./modules/egress"
  }

  variables {
    name               = "coding-agent"
    vpc_id             = "vpc-1"
    blocks             = true
    domains            = ["api.github.com"]
    log_retention_days = 30
    tags               = {}
  }

  assert {
    condition     = aws_route53_resolver_firewall_rule.listed.action == "ALLOW" && aws_route53_resolver_firewall_rule.others.action == "BLOCK" && aws_route53_resolver_firewall_rule.listed.priority < aws_route53_resolver_firewall_rule.others.priority
    error_message = "listed names are let through before all others are refused"
  }

  assert {
    condition     = aws_route53_resolver_firewall_domain_list.others.domains == toset(["*"]) && aws_route53_resolver_firewall_config.this.firewall_fail_open == "DISABLED"
    error_message = "a firewall that fails lets nothing through"
  }
}

run "other_names_are_logged_first" {
  command = plan

  module {
    source = "./modules/egress"
  }

  variables {
    name               = "coding-agent"
    vpc_id             = "vpc-1"
    blocks             = false
    domains            = ["api.github.com"]
    log_retention_days = 30
    tags               = {}
  }

  assert {
    condition     = aws_route53_resolver_firewall_rule.others.action == "ALERT" && aws_route53_resolver_firewall_config.this.firewall_fail_open == "ENABLED"
    error_message = "a firewall that only alerts stops nothing"
  }
}

run "an_account_has_images_and_a_state" {
  command = plan

  module {
    source = "./examples/account"
  }

  assert {
    condition     = aws_ecr_repository.images.image_tag_mutability == "IMMUTABLE" && length(jsondecode(aws_ecr_lifecycle_policy.images.policy).rules) == 2
    error_message = "a version of the image never changes, and old ones are removed"
  }

  assert {
    condition     = output.role_arns == {} && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "no role is made that nobody asked for"
  }
}

run "workflows_have_a_role_each" {
  command = plan

  module {
    source = "./examples/account"
  }

  variables {
    github_repository = "octo/coding-agent"
  }

  assert {
    condition     = keys(aws_iam_role.workflow) == ["apply", "image", "plan"] && keys(aws_iam_role_policy_attachment.workflow) == ["apply PowerUserAccess", "plan ReadOnlyAccess"]
    error_message = "a role for building, for planning and for applying"
  }

  assert {
    condition     = alltrue([for role, trust in data.aws_iam_policy_document.trust : alltrue([for condition in trust.statement[0].condition : !endswith(condition.variable, ":sub") || startswith(condition.values[0], "repo:octo/coding-agent:")])])
    error_message = "each trusts one repository"
  }

  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.plan.statement : statement.effect == "Deny"])
    error_message = "what the plan's role has of its own only takes away"
  }
}
