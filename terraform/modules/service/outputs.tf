output "cluster_name" {
  description = "The ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_name" {
  description = "The ECS service."
  value       = aws_ecs_service.worker.name
}

output "task_definition_arn" {
  description = "The task definition's newest revision."
  value       = aws_ecs_task_definition.worker.arn
}

output "task_role_name" {
  description = "The worker's role: a policy for Amazon Bedrock, for instance, is attached to it."
  value       = aws_iam_role.task.name
}

output "security_group_id" {
  description = "The tasks' security group."
  value       = aws_security_group.service.id
}

output "execution_role_arn" {
  description = "The role with which ECS starts this deployment's tasks."
  value       = aws_iam_role.execution.arn
}

output "trust_policy" {
  description = "The policy that lets ECS take a role for this account's tasks, as JSON."
  value       = data.aws_iam_policy_document.trust.json
}
