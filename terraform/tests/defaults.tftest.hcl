# What the defaults plan, and that both examples plan.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  image                = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coding-agent:0.1.0"
  model                = "anthropic/claude-sonnet-4-5"
  model_secrets        = ["ANTHROPIC_API_KEY"]
  push                 = "branch"
  allowed_repositories = ["octo/hourglass", "octo/other"]
}

run "the_five_choices_are_enough" {
  command = plan

  assert {
    condition     = var.vpc_cidr == "10.0.0.0/16" && var.zones == 2 && var.nat == "instance"
    error_message = "two zones of 10.0.0.0/16 behind one NAT instance"
  }

  assert {
    condition     = var.cpu == 2048 && var.memory == 4096 && var.architecture == "ARM64"
    error_message = "a task has 2 vCPU and 4 GB on ARM64"
  }

  assert {
    condition     = var.min_tasks == 1 && var.max_tasks == 10 && var.jobs_per_task == var.concurrency
    error_message = "one task at least, one more for each two jobs, ten at most"
  }

  assert {
    condition     = var.on_demand_tasks == 0 && var.spot_percent == 100 && var.night == null
    error_message = "all tasks are on Spot, by day and by night"
  }

  assert {
    condition     = !var.allow_plaintext_intake && var.certificate_arn == null && var.access_logs && var.deletion_protection
    error_message = "no job is taken in the clear, requests are logged, and the load balancer is kept"
  }

  assert {
    condition     = output.table_name == "coding-agent-runs" && output.artifacts_bucket == "coding-agent-artifacts-123456789012-us-east-1"
    error_message = "names come from var.name, the bucket's is the account's own"
  }

  assert {
    condition     = output.sender_user_name == null && output.sender_role_arn == null
    error_message = "no identity is made that nobody asked for"
  }

  assert {
    condition     = keys(output.secret_arns) == ["ANTHROPIC_API_KEY", "CODING_AGENT_API_KEYS", "GITHUB_TOKEN"]
    error_message = "a secret for GitHub, for callers, and for the model"
  }

  assert {
    condition     = local.settings.CODING_AGENT_ALLOWED_REPOSITORIES == "octo/hourglass,octo/other"
    error_message = "lists are joined as the settings read them"
  }
}

run "an_app_in_place_of_a_token" {
  command = plan

  variables {
    github_app_id = "1234"
  }

  assert {
    condition     = keys(output.secret_arns) == ["ANTHROPIC_API_KEY", "CODING_AGENT_API_KEYS", "GITHUB_APP_PRIVATE_KEY"] && local.optional.GITHUB_APP_ID == "1234"
    error_message = "the App's key has the secret that a token would have"
  }
}

run "the_webhook_has_a_secret" {
  command = plan

  variables {
    github_webhook = true
  }

  assert {
    condition     = keys(output.secret_arns) == ["ANTHROPIC_API_KEY", "CODING_AGENT_API_KEYS", "CODING_AGENT_WEBHOOK_SECRET", "GITHUB_TOKEN"]
    error_message = "with the webhook, its secret comes from Secrets Manager like the others"
  }
}

run "two_zones_share_a_nat_gateway" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name                      = "coding-agent"
    vpc_cidr                  = "10.0.0.0/16"
    zones                     = 2
    nat                       = "gateway"
    interface_endpoints       = false
    bedrock                   = false
    console                   = false
    flow_logs                 = false
    log_retention_days        = 30
    service_security_group_id = "sg-service"
    tags                      = {}
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.private) == 2
    error_message = "both zones' private subnets go out by the one gateway"
  }

  assert {
    condition     = length(distinct([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.cidr_block])) == 4
    error_message = "four subnets, none over another"
  }

  assert {
    condition     = keys(aws_vpc_endpoint.gateway) == ["dynamodb", "s3"] && length(aws_vpc_endpoint.interface) == 0
    error_message = "gateway endpoints always, interface endpoints when asked for"
  }
}

run "three_zones_with_a_nat_gateway_each" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name                      = "coding-agent"
    vpc_cidr                  = "10.1.0.0/24"
    zones                     = 3
    nat                       = "gateway_per_zone"
    interface_endpoints       = true
    bedrock                   = false
    console                   = false
    flow_logs                 = true
    log_retention_days        = 30
    service_security_group_id = "sg-service"
    tags                      = {}
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && alltrue([for zone, way in local.way_out : zone == way])
    error_message = "each zone goes out by its own gateway"
  }

  assert {
    condition     = alltrue([for subnet in values(aws_subnet.private) : endswith(subnet.cidr_block, "/28")])
    error_message = "the smallest VPC gives the smallest subnets that AWS takes"
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 6 && aws_vpc_security_group_ingress_rule.endpoints[0].referenced_security_group_id == "sg-service"
    error_message = "interface endpoints are called by the tasks alone"
  }
}

run "an_instance_is_the_way_out" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name                      = "coding-agent"
    vpc_cidr                  = "10.0.0.0/16"
    zones                     = 2
    nat                       = "instance"
    interface_endpoints       = false
    bedrock                   = false
    console                   = false
    flow_logs                 = false
    log_retention_days        = 30
    service_security_group_id = "sg-service"
    tags                      = {}
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_eip.nat) == 0 && length(aws_eip.nat_instance) == 1
    error_message = "there is no gateway to pay for, and one lasting address"
  }

  assert {
    condition     = alltrue([for route in aws_route.private : route.network_interface_id == aws_network_interface.nat[0].id && route.nat_gateway_id == null]) && length(aws_route.private) == 2
    error_message = "both zones' private subnets go out by the interface"
  }

  assert {
    condition     = aws_network_interface.nat[0].source_dest_check == false && aws_autoscaling_group.nat[0].min_size == 1 && aws_autoscaling_group.nat[0].max_size == 1 && aws_autoscaling_group.nat[0].max_instance_lifetime == 1209600
    error_message = "one instance at a time takes it, none for longer than two weeks"
  }

  assert {
    condition     = aws_launch_template.nat[0].metadata_options[0].http_tokens == "required" && startswith(aws_launch_template.nat[0].image_id, "resolve:ssm:") && aws_launch_template.nat[0].instance_initiated_shutdown_behavior == "terminate"
    error_message = "the newest image, no metadata without a token, and an instance that shuts down is replaced"
  }

  assert {
    condition     = alltrue([for rule in concat(values(aws_vpc_security_group_ingress_rule.nat), aws_vpc_security_group_egress_rule.nat) : rule.from_port == 443 && rule.to_port == 443]) && toset([for rule in aws_vpc_security_group_ingress_rule.nat : rule.cidr_ipv4]) == toset(values(local.private))
    error_message = "it takes HTTPS of the private subnets, and passes on nothing else"
  }

  assert {
    condition     = toset(flatten(data.aws_iam_policy_document.nat[0].statement[*].actions)) == toset(["ec2:AttachNetworkInterface"])
    error_message = "its role may attach the interface"
  }
}

run "without_nat_there_are_endpoints_and_ipv6" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    name                      = "coding-agent"
    vpc_cidr                  = "10.0.0.0/16"
    zones                     = 2
    nat                       = "none"
    interface_endpoints       = false
    bedrock                   = true
    console                   = true
    flow_logs                 = false
    log_retention_days        = 30
    service_security_group_id = "sg-service"
    tags                      = {}
  }

  assert {
    condition     = length(aws_route.private) == 0 && length(aws_nat_gateway.this) == 0 && length(aws_autoscaling_group.nat) == 0
    error_message = "nothing goes out by IPv4"
  }

  assert {
    condition     = alltrue([for name in ["sqs", "bedrock-runtime", "ssmmessages"] : contains(keys(aws_vpc_endpoint.interface), name)])
    error_message = "AWS is reached through endpoints, a model of Bedrock and the console's sessions too"
  }

  assert {
    condition     = length(aws_route.ipv6) == 2 && alltrue([for subnet in aws_subnet.private : subnet.assign_ipv6_address_on_creation]) && aws_vpc_security_group_egress_rule.ipv6[0].from_port == 443
    error_message = "everything else by IPv6, on 443"
  }
}

run "minimal" {
  command = plan

  module {
    source = "./examples/minimal"
  }

  assert {
    condition     = output.service_name == "worker" && output.table_name == "coding-agent-runs"
    error_message = "the minimal example is the whole service"
  }
}

run "production" {
  command = plan

  module {
    source = "./examples/production"
  }

  variables {
    certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-90ab-cdef-1234-567890abcdef"
    alarm_emails    = ["operations@example.com"]
  }

  assert {
    condition     = module.coding_agent.sender_user_name == "coding-agent-sender" && length(module.coding_agent.nat_addresses) == 3
    error_message = "the production example has a sender outside AWS and three ways out"
  }
}
