output "alb_dns_name" {
  description = "The load balancer's address; the intake's domain points to it."
  value       = module.coding_agent.alb_dns_name
}

output "queue_url" {
  description = "Where jobs are sent."
  value       = module.coding_agent.queue_url
}

output "dead_letter_queue_url" {
  description = "Where failed jobs wait for an operator."
  value       = module.coding_agent.dead_letter_queue_url
}

output "topic_arn" {
  description = "Where events are published."
  value       = module.coding_agent.topic_arn
}

output "sender_policy_arn" {
  description = "The policy that lets its holder send jobs."
  value       = module.coding_agent.sender_policy_arn
}

output "secret_arns" {
  description = "Environment variable -> ARN of the secret to put its value into."
  value       = module.coding_agent.secret_arns
}

output "table_name" {
  description = "The store's table."
  value       = module.coding_agent.table_name
}

output "artifacts_bucket" {
  description = "The bucket of artifacts."
  value       = module.coding_agent.artifacts_bucket
}

output "cluster_name" {
  description = "The ECS cluster."
  value       = module.coding_agent.cluster_name
}

output "service_name" {
  description = "The ECS service."
  value       = module.coding_agent.service_name
}

output "console_start" {
  description = "The arguments of `aws ecs run-task` that start the web console; null while it is off."
  value       = module.coding_agent.console_start
}

output "sandbox_check" {
  description = "The arguments of `aws ecs run-task` that try the sandbox on Fargate, in the place of the sandbox container."
  value       = module.coding_agent.sandbox_check
}
