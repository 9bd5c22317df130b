locals {
  https = var.certificate_arn != null || var.domain != null
  # The first listener waits for the certificate's validation.
  certificate_arn = var.domain == null ? var.certificate_arn : aws_acm_certificate_validation.this[var.domain.name].certificate_arn
  ports           = local.https ? { http = 80, https = 443 } : { http = 80 }
  # The intake's own paths (a rule has at most five); without a certificate only /health is served.
  takes_jobs = ["/fix-issue", "/address-review", "/jobs", "/jobs/*", "/webhook/*"]
  keeps_jobs = !local.https && !var.allow_plaintext_intake
}

resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_20:GETs are redirected; anything else is refused, since a redirect would turn a POST into a GET.
  #checkov:skip=CKV2_AWS_76:The Log4j rules are for Java; nothing here is.
  #checkov:skip=CKV2_AWS_28:The WAF is optional: its price is that of a small task, and the service limits rates itself.
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  subnets                    = var.public_subnet_ids
  security_groups            = [aws_security_group.this.id]
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  idle_timeout               = 60 # the service keeps its connections longer: pipeline/api/server.py
  enable_deletion_protection = var.deletion_protection
  tags                       = var.tags

  dynamic "access_logs" {
    for_each = aws_s3_bucket_policy.logs

    content {
      enabled = true
      bucket  = access_logs.value.bucket
    }
  }
}

resource "aws_lb_target_group" "worker" {
  #checkov:skip=CKV_AWS_378:Between the load balancer and the tasks it is HTTP inside the VPC, whose links AWS encrypts on Graviton.
  name_prefix          = "${substr(var.name, 0, 5)}-" # six characters at most
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = var.port
  deregistration_delay = 30 # the intake only enqueues: no request takes longer
  tags                 = merge(var.tags, { Name = var.name })

  health_check {
    path                = "/health"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 4
  }

  lifecycle {
    create_before_destroy = true # one that a listener uses can't be destroyed
  }
}
