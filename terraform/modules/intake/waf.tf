locals {
  has_waf = var.waf_requests_per_5_minutes != null || var.waf_managed_rules != "off"

  # AWS's groups, and those of their rules that only count: a body holds an issue's text or a webhook's payload, both of
  # which may be long, and may quote an attack.
  # https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
  managed_groups = {
    AWSManagedRulesAmazonIpReputationList = []
    AWSManagedRulesCommonRuleSet          = ["CrossSiteScripting_BODY", "EC2MetaDataSSRF_BODY", "GenericLFI_BODY", "GenericRFI_BODY", "SizeRestrictions_BODY"]
    AWSManagedRulesKnownBadInputsRuleSet  = ["JavaDeserializationRCE_BODY", "Log4JRCE_BODY"]
  }
}

resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV_AWS_192:The Log4j rules are for Java; nothing here is.
  #checkov:skip=CKV2_AWS_31:Blocked addresses are in WAF's samples and metrics; the requests are in the access logs.
  count = local.has_waf ? 1 : 0

  name  = var.name
  scope = "REGIONAL"
  tags  = var.tags

  default_action {
    allow {}
  }

  dynamic "rule" {
    for_each = var.waf_requests_per_5_minutes[*]

    content {
      name     = "rate"
      priority = 1

      action {
        block {}
      }

      statement {
        rate_based_statement {
          aggregate_key_type = "IP"
          limit              = rule.value
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-rate"
        sampled_requests_enabled   = true
      }
    }
  }

  dynamic "rule" {
    for_each = var.waf_managed_rules == "off" ? {} : local.managed_groups

    content {
      name     = rule.key
      priority = 10 + index(keys(local.managed_groups), rule.key)

      override_action {
        dynamic "count" {
          for_each = var.waf_managed_rules == "count" ? [1] : []
          content {}
        }

        dynamic "none" {
          for_each = var.waf_managed_rules == "block" ? [1] : []
          content {}
        }
      }

      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key

          dynamic "rule_action_override" {
            for_each = rule.value

            content {
              name = rule_action_override.value

              action_to_use {
                count {}
              }
            }
          }
        }
      }

      visibility_config {
        cloudwatch_metrics_enabled = true
        metric_name                = "${var.name}-${rule.key}"
        sampled_requests_enabled   = true
      }
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = true
  }
}

resource "aws_wafv2_web_acl_association" "this" {
  count = local.has_waf ? 1 : 0

  resource_arn = aws_lb.this.arn
  web_acl_arn  = aws_wafv2_web_acl.this[0].arn
}
