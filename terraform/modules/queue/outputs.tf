output "queue_url" {
  description = "Where jobs are sent."
  value       = aws_sqs_queue.jobs.url
}

output "queue_arn" {
  description = "The jobs' queue."
  value       = aws_sqs_queue.jobs.arn
}

output "queue_name" {
  description = "The jobs' queue, as its metrics name it."
  value       = aws_sqs_queue.jobs.name
}

output "dead_letter_queue_url" {
  description = "Where failed jobs wait for an operator."
  value       = aws_sqs_queue.dead_letters.url
}

output "dead_letter_queue_arn" {
  description = "The dead-letter queue."
  value       = aws_sqs_queue.dead_letters.arn
}

output "dead_letter_queue_name" {
  description = "The dead-letter queue, as its metrics name it."
  value       = aws_sqs_queue.dead_letters.name
}

output "sender_policy_arn" {
  description = "The policy that lets its holder send jobs."
  value       = aws_iam_policy.sender.arn
}

output "sender_user_name" {
  description = "The IAM user that may send jobs; null where none was asked for."
  value       = one(aws_iam_user.sender[*].name)
}

output "sender_role_arn" {
  description = "The role that a backend takes by an OIDC token; null where none was asked for."
  value       = one(aws_iam_role.sender[*].arn)
}
