# What the console may do: read, and move dead letters where the operator allows it.
data "aws_iam_policy_document" "task" {
  statement {
    sid       = "Depths"
    actions   = ["sqs:GetQueueAttributes"]
    resources = [var.queue_arn, var.dead_letter_queue_arn]
  }

  statement {
    sid       = "DeadLetters" # reading a message is receiving it and giving it back
    actions   = ["sqs:ChangeMessageVisibility", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
    resources = [var.dead_letter_queue_arn]
  }

  statement {
    sid       = "Runs"
    actions   = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]
    resources = [var.table_arn]
  }

  statement {
    sid       = "RunsListed"
    actions   = ["dynamodb:Query"]
    resources = ["${var.table_arn}/index/listed"]
  }

  statement {
    sid     = "Artifacts"
    actions = ["s3:GetObject"]
    resources = [
      "${var.artifacts.bucket_arn}/${var.artifacts.prefix}/*",
      "${var.artifacts.bucket_arn}/${var.artifacts.templates}/*",
    ]
  }

  statement {
    sid       = "ArtifactsListed" # also, without it S3 answers 403 for what is not there
    actions   = ["s3:ListBucket"]
    resources = [var.artifacts.bucket_arn]
  }

  statement {
    #checkov:skip=CKV_AWS_111:These actions take no resource.
    #checkov:skip=CKV_AWS_356:These actions take no resource.
    sid = "Session"
    actions = [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.allow_actions ? [var.queue_arn] : []

    content {
      sid       = "ReplayTo"
      actions   = ["sqs:SendMessage"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.allow_actions ? [var.dead_letter_queue_arn] : []

    content {
      sid       = "ReplayFrom"
      actions   = ["sqs:DeleteMessage"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role" "task" {
  name               = "${var.name}-console"
  assume_role_policy = var.trust_policy
  tags               = var.tags
}

resource "aws_iam_role_policy" "task" {
  name   = "console"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}
