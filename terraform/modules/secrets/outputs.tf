output "arns" {
  description = "Environment variable -> ARN of the secret that holds its value."
  value       = { for variable, secret in aws_secretsmanager_secret.this : variable => secret.arn }
}
