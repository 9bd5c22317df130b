# The smallest deployment: what has no default, and nothing else. No certificate yet, so that jobs come by the queue.
terraform {
  required_version = ">= 1.11, < 2.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
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
}
