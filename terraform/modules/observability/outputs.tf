output "log_group_names" {
  description = "Container -> its log group."
  value       = { for container, group in aws_cloudwatch_log_group.containers : container => group.name }
}

output "alarm_topic_arn" {
  description = "Where alarms are published."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_name" {
  description = "The CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
