# The VPC's resolver answers for listed names; others are logged, and not found where the firewall blocks. What is behind
# a listed name (its CNAMEs) is trusted.
resource "aws_route53_resolver_firewall_domain_list" "listed" {
  name    = "${var.name}-listed"
  domains = var.domains
  tags    = var.tags
}

resource "aws_route53_resolver_firewall_domain_list" "others" {
  name    = "${var.name}-others"
  domains = ["*"]
  tags    = var.tags
}

resource "aws_route53_resolver_firewall_rule_group" "this" {
  name = var.name
  tags = var.tags
}

resource "aws_route53_resolver_firewall_rule" "listed" {
  name                               = "listed"
  firewall_rule_group_id             = aws_route53_resolver_firewall_rule_group.this.id
  firewall_domain_list_id            = aws_route53_resolver_firewall_domain_list.listed.id
  firewall_domain_redirection_action = "TRUST_REDIRECTION_DOMAIN"
  priority                           = 100
  action                             = "ALLOW"
}

resource "aws_route53_resolver_firewall_rule" "others" {
  name                    = "others"
  firewall_rule_group_id  = aws_route53_resolver_firewall_rule_group.this.id
  firewall_domain_list_id = aws_route53_resolver_firewall_domain_list.others.id
  priority                = 200
  action                  = var.blocks ? "BLOCK" : "ALERT"
  block_response          = var.blocks ? "NXDOMAIN" : null
}

resource "aws_route53_resolver_firewall_rule_group_association" "this" {
  name                   = var.name
  firewall_rule_group_id = aws_route53_resolver_firewall_rule_group.this.id
  vpc_id                 = var.vpc_id
  priority               = 101
  tags                   = var.tags
}

# If the firewall itself fails, a blocking one lets nothing through, and an alerting one everything.
resource "aws_route53_resolver_firewall_config" "this" {
  resource_id        = var.vpc_id
  firewall_fail_open = var.blocks ? "DISABLED" : "ENABLED"
}

resource "aws_cloudwatch_log_group" "queries" {
  #checkov:skip=CKV_AWS_158:Encrypted by CloudWatch itself; the log holds names that were looked up.
  #checkov:skip=CKV_AWS_338:How long is the operator's choice: log_retention_days.
  name              = "/${var.name}/dns"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_route53_resolver_query_log_config" "this" {
  name            = var.name
  destination_arn = aws_cloudwatch_log_group.queries.arn
  tags            = var.tags
}

resource "aws_route53_resolver_query_log_config_association" "this" {
  resolver_query_log_config_id = aws_route53_resolver_query_log_config.this.id
  resource_id                  = var.vpc_id
}
