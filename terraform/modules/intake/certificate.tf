# Where the domain's zone is in Route 53, the certificate is made, validated and renewed here, and the domain leads to the
# load balancer.
locals {
  zones = var.domain == null ? {} : { (var.domain.name) = var.domain.zone_id }
}

resource "aws_acm_certificate" "this" {
  for_each = local.zones

  domain_name       = each.key
  validation_method = "DNS"
  tags              = var.tags

  lifecycle {
    create_before_destroy = true # one that a listener uses can't be destroyed
  }
}

resource "aws_route53_record" "validation" {
  for_each = local.zones

  zone_id         = each.value
  name            = one(aws_acm_certificate.this[each.key].domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.this[each.key].domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.this[each.key].domain_validation_options).resource_record_value]
  ttl             = 300
  allow_overwrite = true # it is the same for every certificate of the domain in this account
}

resource "aws_acm_certificate_validation" "this" {
  for_each = local.zones

  certificate_arn         = aws_acm_certificate.this[each.key].arn
  validation_record_fqdns = [aws_route53_record.validation[each.key].fqdn]
}

resource "aws_route53_record" "intake" {
  for_each = local.zones

  zone_id = each.value
  name    = each.key
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}
