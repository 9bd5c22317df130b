output "alb_dns_name" {
  description = "The load balancer's address; the intake's domain points to it."
  value       = module.intake.alb_dns_name
}

output "alb_zone_id" {
  description = "The load balancer's hosted zone, for a Route 53 alias."
  value       = module.intake.alb_zone_id
}

output "queue_url" {
  description = "The URL of the job queue."
  value       = module.queue.queue_url
}

output "dead_letter_queue_url" {
  description = "The URL of the dead-letter queue, where failed jobs wait for an operator."
  value       = module.queue.dead_letter_queue_url
}

output "topic_arn" {
  description = "The topic to which events are published, for backends to subscribe to."
  value       = module.events.topic_arn
}

output "sender_policy_arn" {
  description = "The policy that lets its holder send jobs, and nothing else."
  value       = module.queue.sender_policy_arn
}

output "sender_user_name" {
  description = "The IAM user that may send jobs; null without sender_iam_user."
  value       = module.queue.sender_user_name
}

output "sender_role_arn" {
  description = "The role that a backend assumes with an OIDC token; null without sender_oidc."
  value       = module.queue.sender_role_arn
}

output "secret_arns" {
  description = "Environment variable -> ARN of the secret to put its value into."
  value       = module.secrets.arns
}

output "table_name" {
  description = "The store's table."
  value       = module.state.table_name
}

output "artifacts_bucket" {
  description = "The bucket of artifacts."
  value       = module.state.bucket_name
}

output "cluster_name" {
  description = "The ECS cluster."
  value       = module.service.cluster_name
}

output "service_name" {
  description = "The ECS service."
  value       = module.service.service_name
}

output "task_definition_arn" {
  description = "The task definition's newest revision."
  value       = module.service.task_definition_arn
}

output "task_role_name" {
  description = "The worker's role, to which you can attach more policies, such as one for Amazon Bedrock."
  value       = module.service.task_role_name
}

output "nat_addresses" {
  description = "The addresses from which the service makes outgoing calls, for allow-lists."
  value       = module.network.nat_addresses
}

output "alarm_topic_arn" {
  description = "The topic to which alarms are published."
  value       = module.observability.alarm_topic_arn
}

output "dashboard_name" {
  description = "The CloudWatch dashboard."
  value       = module.observability.dashboard_name
}

output "log_group_names" {
  description = "Container -> its log group."
  value       = module.observability.log_group_names
}

output "console_start" {
  description = "The arguments of `aws ecs run-task` that start the web console; null while it is off."
  value = var.console == "off" ? null : join(" ", [
    "--cluster ${module.service.cluster_name}",
    "--task-definition ${module.console[0].task_definition_family}",
    "--launch-type FARGATE --enable-execute-command",
    "--network-configuration ${local.task_network}",
  ])
}

output "sandbox_check" {
  description = "The arguments of `aws ecs run-task` that try the sandbox on Fargate, in the place of the sandbox container."
  value = join(" ", [
    "--cluster ${module.service.cluster_name}",
    "--task-definition ${module.service.task_definition_arn}",
    "--launch-type FARGATE",
    "--network-configuration ${local.task_network}",
    "--overrides ${local.sandbox_check_overrides}",
  ])
}

locals {
  # As the AWS command line reads them: one word each, for the shell.
  task_network = "awsvpcConfiguration={subnets=[${join(",", module.network.private_subnet_ids)}],securityGroups=[${module.service.security_group_id}]}"

  sandbox_check_overrides = jsonencode({
    containerOverrides = [{ name = "sandbox", command = ["sandbox", "check", "--backend", "uid"] }]
  })
}
