resource "aws_lb_listener" "https" {
  count = local.https ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTPS"
  port              = 443
  certificate_arn   = local.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09" # TLS 1.2 and 1.3, with post-quantum key exchange
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.worker.arn
  }
}

resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2:With a certificate this one only redirects and refuses; without one it serves /health.
  #checkov:skip=CKV_AWS_103:TLS is the other listener's.
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80
  tags              = var.tags

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = local.https ? 403 : 404
      content_type = "application/json"
      message_body = jsonencode(local.https ? {
        error = "use https: what is sent here travels in the clear"
        } : {
        error = "there is nothing here"
      })
    }
  }
}

# A rule's priority is taken until the rule is destroyed: each rule has its own, since a certificate that is added
# later makes one rule while it destroys the others.

# A redirect turns a POST into a GET, so only what is a GET is redirected.
resource "aws_lb_listener_rule" "redirect" {
  count = local.https ? 1 : 0

  listener_arn = aws_lb_listener.http.arn
  priority     = 5
  tags         = var.tags

  condition {
    http_request_method {
      values = ["GET", "HEAD"]
    }
  }

  action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener_rule" "health" {
  count = local.https ? 0 : 1

  listener_arn = aws_lb_listener.http.arn
  priority     = 10
  tags         = var.tags

  condition {
    path_pattern {
      values = ["/health"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.worker.arn
  }
}

resource "aws_lb_listener_rule" "plaintext_jobs" {
  count = local.https ? 0 : 1

  listener_arn = aws_lb_listener.http.arn
  priority     = 20
  tags         = var.tags

  condition {
    path_pattern {
      values = local.takes_jobs
    }
  }

  action {
    type             = local.keeps_jobs ? "fixed-response" : "forward"
    target_group_arn = local.keeps_jobs ? null : aws_lb_target_group.worker.arn

    dynamic "fixed_response" {
      for_each = local.keeps_jobs ? [1] : []

      content {
        status_code  = 403
        content_type = "application/json"
        message_body = jsonencode({
          error = "this service has no certificate, so an API key would travel in the clear: set certificate_arn (or, for a first trial, allow_plaintext_intake)"
        })
      }
    }
  }
}
