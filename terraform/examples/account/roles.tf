# The roles of the workflows in .github/workflows: no key, but GitHub's OIDC tokens, each for one kind of event.
locals {
  github = "token.actions.githubusercontent.com"

  roles = var.github_repository == null ? {} : {
    image = { subject = "ref:refs/tags/v*", policies = [], own = data.aws_iam_policy_document.image.json }
    plan  = { subject = "pull_request", policies = ["ReadOnlyAccess"], own = data.aws_iam_policy_document.plan.json }
    apply = { subject = "environment:production", policies = ["PowerUserAccess"], own = data.aws_iam_policy_document.apply.json }
  }
  policies = merge([for role, of in local.roles : { for policy in of.policies : "${role} ${policy}" => { role = role, policy = policy } }]...)
}

data "aws_partition" "current" {}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github_repository == null ? 0 : 1

  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.roles

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github[0].arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "${local.github}:sub"
      values   = ["repo:${var.github_repository}:${each.value.subject}"]
    }
  }
}

resource "aws_iam_role" "workflow" {
  for_each = local.roles

  name               = "${var.name}-github-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "workflow" {
  for_each = local.roles

  name   = "own"
  role   = aws_iam_role.workflow[each.key].id
  policy = each.value.own
}

resource "aws_iam_role_policy_attachment" "workflow" {
  for_each = local.policies

  role       = aws_iam_role.workflow[each.value.role].name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/${each.value.policy}"
}

data "aws_iam_policy_document" "image" {
  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
    ]
    resources = [aws_ecr_repository.images.arn]
  }

  statement {
    #checkov:skip=CKV_AWS_356:ecr:GetAuthorizationToken takes no resource.
    sid       = "Registry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
}

# A pull request's Terraform can run programs with this role. So it sees how everything is set up, but no content: no
# artifact, run, message, log, secret or image.
data "aws_iam_policy_document" "plan" {
  statement {
    sid    = "NoContent"
    effect = "Deny"
    actions = [
      "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:GetRecords", "dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan",
      "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
      "kms:Decrypt",
      "logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetLogObject", "logs:GetLogRecord", "logs:GetQueryResults", "logs:StartLiveTail", "logs:StartQuery",
      "secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue",
      "sqs:ReceiveMessage",
      "ssm:GetParameter", "ssm:GetParameterHistory", "ssm:GetParameters", "ssm:GetParametersByPath",
    ]
    resources = ["*"]
  }

  statement {
    sid           = "NoObjectButTheState"
    effect        = "Deny"
    actions       = ["s3:GetObject", "s3:GetObjectVersion"]
    not_resources = ["${aws_s3_bucket.state.arn}/*"]
  }
}

# It makes roles, so it can give itself more by one of them: treat it as an administrator's. The environment "production"
# asks its reviewers before a workflow gets it.
data "aws_iam_policy_document" "apply" {
  statement {
    #checkov:skip=CKV_AWS_109:Terraform manages the deployment's own roles; their names are the limit.
    #checkov:skip=CKV_AWS_110:Said above: it is an administrator's role.
    sid     = "OwnIdentities"
    actions = ["iam:*"]
    resources = [
      for kind in ["instance-profile", "policy", "role", "user"] :
      "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:${kind}/${var.name}-*"
    ]
  }

  statement {
    sid       = "NotTheWorkflowsOwn"
    effect    = "Deny"
    actions   = ["iam:Attach*", "iam:Delete*", "iam:Detach*", "iam:Put*", "iam:Update*"]
    resources = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role/${var.name}-github-*"]
  }
}
