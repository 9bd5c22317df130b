resource "aws_security_group" "this" {
  name_prefix = "${var.name}-intake-"
  description = "The load balancer of ${var.name}"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-intake" })

  lifecycle {
    create_before_destroy = true # one that a network interface uses can't be destroyed
  }
}

resource "aws_vpc_security_group_ingress_rule" "callers" {
  #checkov:skip=CKV_AWS_260:Port 80 redirects to HTTPS, or serves /health alone until there is a certificate.
  for_each = { for pair in setproduct(keys(local.ports), var.cidrs) : join(" ", pair) => pair }

  description       = "Callers over ${each.value[0]}"
  security_group_id = aws_security_group.this.id
  cidr_ipv4         = each.value[1]
  ip_protocol       = "tcp"
  from_port         = local.ports[each.value[0]]
  to_port           = local.ports[each.value[0]]
  tags              = var.tags
}

resource "aws_vpc_security_group_egress_rule" "tasks" {
  description                  = "The service's tasks"
  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = var.service_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.port
  to_port                      = var.port
  tags                         = var.tags
}
