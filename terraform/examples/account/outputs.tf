output "image_repository" {
  description = "Where images are pushed: the part of image before its tag."
  value       = aws_ecr_repository.images.repository_url
}

output "state_bucket" {
  description = "The bucket for Terraform's state."
  value       = aws_s3_bucket.state.bucket
}

output "role_arns" {
  description = "Workflow -> the role for its repository variable; empty without github_repository."
  value       = { for name, role in aws_iam_role.workflow : name => role.arn }
}
