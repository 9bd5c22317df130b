output "table_name" {
  description = "The store's table."
  value       = aws_dynamodb_table.runs.name
}

output "table_arn" {
  description = "The store's table."
  value       = aws_dynamodb_table.runs.arn
}

output "bucket_name" {
  description = "The bucket of artifacts."
  value       = aws_s3_bucket.artifacts.bucket
}

output "bucket_arn" {
  description = "The bucket of artifacts."
  value       = aws_s3_bucket.artifacts.arn
}
