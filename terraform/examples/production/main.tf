# For every day: three zones, HTTPS, two tasks at least, a sender outside AWS, somebody who is woken up.
terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }

  # terraform init -backend-config=bucket=STATE_BUCKET -backend-config=region=REGION (see ../../README.md)
  backend "s3" {
    key          = "coding-agent/production.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region
}

module "coding_agent" {
  source = "../.."

  image                = var.image
  model                = var.model
  model_secrets        = var.model_secrets
  push                 = var.push
  allowed_repositories = var.allowed_repositories

  zones     = 3
  nat       = "gateway_per_zone"
  flow_logs = true

  min_tasks       = 2
  max_tasks       = 20
  on_demand_tasks = 1

  console = "read-only"

  certificate_arn            = var.certificate_arn
  waf_requests_per_5_minutes = 2000
  sender_iam_user            = true

  log_retention_days = 90
  alarm_emails       = var.alarm_emails
  tags               = { Environment = "production" }
}
