# A backend outside AWS sends jobs as an IAM user (its access key is made by hand and never in the state), or, where its
# platform gives it OIDC tokens, by a role that needs no key. Both may do this one thing.
resource "aws_iam_policy" "sender" {
  name        = "${var.name}-sender"
  description = "Send jobs to ${var.name}, and nothing else"
  policy      = data.aws_iam_policy_document.sender.json
  tags        = var.tags
}

data "aws_iam_policy_document" "sender" {
  statement {
    sid       = "SendJobs"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.jobs.arn]
  }
}

resource "aws_iam_user" "sender" {
  #checkov:skip=CKV_AWS_273:A backend outside AWS whose platform gives it no identity can only sign with a key; off unless asked for.
  count = var.sender_iam_user ? 1 : 0

  name = "${var.name}-sender"
  tags = var.tags
}

resource "aws_iam_user_policy_attachment" "sender" {
  #checkov:skip=CKV_AWS_40:One user with one policy; a group would have one member.
  count = var.sender_iam_user ? 1 : 0

  user       = aws_iam_user.sender[0].name
  policy_arn = aws_iam_policy.sender.arn
}

resource "aws_iam_role" "sender" {
  count = var.sender_oidc == null ? 0 : 1

  name               = "${var.name}-sender"
  assume_role_policy = data.aws_iam_policy_document.sender_trust[0].json
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "sender" {
  count = var.sender_oidc == null ? 0 : 1

  role       = aws_iam_role.sender[0].name
  policy_arn = aws_iam_policy.sender.arn
}

data "aws_iam_policy_document" "sender_trust" {
  count = var.sender_oidc == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.sender_oidc.provider]
    }

    dynamic "condition" {
      for_each = { aud = var.sender_oidc.audience, sub = var.sender_oidc.subject }

      content {
        test     = "StringEquals"
        variable = "${replace(var.sender_oidc.provider, "/^arn:.*:oidc-provider\\//", "")}:${condition.key}"
        values   = [condition.value]
      }
    }
  }
}
