output "task_definition_family" {
  description = "The family of the console's task definition."
  value       = aws_ecs_task_definition.console.family
}

output "port" {
  description = "The port on which the console listens inside its task."
  value       = local.port
}
