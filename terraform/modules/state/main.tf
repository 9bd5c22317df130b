data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

# Keys, index and time to live are those of pipeline/store/dynamodb.py; tests/terraform compares them.
resource "aws_dynamodb_table" "runs" {
  #checkov:skip=CKV_AWS_119:Encrypted with the key that AWS manages. One of the account's own adds a way to lose the data, and shuts out no reader that IAM lets in.
  name                        = "${var.name}-runs"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = true
  tags                        = var.tags

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "listed"
    type = "S"
  }

  attribute {
    name = "listed_at"
    type = "S"
  }

  global_secondary_index {
    name               = "listed"
    hash_key           = "listed"
    range_key          = "listed_at"
    projection_type    = "INCLUDE"
    non_key_attributes = ["repository", "status", "owner", "model", "template_set"]
  }

  ttl {
    enabled        = true
    attribute_name = "expires"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:Who reads artifacts is in CloudTrail's data events, where an account wants them; a log bucket would hold addresses of issues.
  #checkov:skip=CKV_AWS_144:Artifacts can be made again by a replay; another region's copy would double their cost.
  #checkov:skip=CKV_AWS_145:Encrypted with S3's own key; see the table's reason.
  #checkov:skip=CKV2_AWS_62:Nobody waits for an artifact; events are published on SNS.
  bucket = "${var.name}-artifacts-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.id}"
  tags   = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket                  = aws_s3_bucket.artifacts.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "artifacts" {
  bucket     = aws_s3_bucket.artifacts.id
  depends_on = [aws_s3_bucket_versioning.artifacts]

  rule {
    id     = "forget"
    status = "Enabled"

    filter {
      prefix = "${var.artifacts_prefix}/"
    }

    # The store forgets a run after 90 days; its artifacts outlive it by a little.
    expiration {
      days = 100
    }
  }

  rule {
    id     = "tidy"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "artifacts" {
  bucket     = aws_s3_bucket.artifacts.id
  policy     = data.aws_iam_policy_document.artifacts.json
  depends_on = [aws_s3_bucket_public_access_block.artifacts]
}

data "aws_iam_policy_document" "artifacts" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.artifacts.arn, "${aws_s3_bucket.artifacts.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
