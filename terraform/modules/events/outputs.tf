output "topic_arn" {
  description = "Where events are published."
  value       = aws_sns_topic.events.arn
}
