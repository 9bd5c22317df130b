# What the worker may do: one statement a part, one action for each call that the code makes.
data "aws_iam_policy_document" "task" {
  statement {
    sid = "Jobs"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = [var.queue.arn]
  }

  statement {
    sid = "DeadLetters"
    actions = [
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:SendMessage",
    ]
    resources = [var.dead_letter_queue_arn]
  }

  statement {
    sid       = "Events"
    actions   = ["sns:Publish"]
    resources = var.topic_arns
  }

  statement {
    sid = "Runs" # a transaction's writes are allowed one by one
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [var.table_arn]
  }

  statement {
    sid       = "RunsListed"
    actions   = ["dynamodb:Query"]
    resources = ["${var.table_arn}/index/listed"]
  }

  statement {
    sid       = "Artifacts"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${var.artifacts.bucket_arn}/${var.artifacts.prefix}/*"]
  }

  statement {
    sid       = "Templates" # prompt engineers publish them; a worker only reads
    actions   = ["s3:GetObject"]
    resources = ["${var.artifacts.bucket_arn}/${var.artifacts.templates}/*"]
  }

  statement {
    # A template set is found by the beginning of its hash. Without this permission, S3 also answers
    # 403 for what is not there.
    sid       = "ArtifactsListed"
    actions   = ["s3:ListBucket"]
    resources = [var.artifacts.bucket_arn]
  }

  statement {
    sid       = "OwnProtection"
    actions   = ["ecs:UpdateTaskProtection"]
    resources = ["arn:${data.aws_partition.current.partition}:ecs:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:task/${var.name}/*"]
  }
}

resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = var.tags
}

resource "aws_iam_role_policy" "task" {
  name   = "worker"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}
