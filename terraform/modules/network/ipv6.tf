# Without NAT, tasks reach AWS through endpoints and everybody else by IPv6, which costs nothing. What has no IPv6 address
# they can't reach: github.com has none.
resource "aws_egress_only_internet_gateway" "this" {
  count = var.nat == "none" ? 1 : 0

  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = var.name })
}

resource "aws_route" "ipv6" {
  for_each = var.nat == "none" ? aws_route_table.private : {}

  route_table_id              = each.value.id
  destination_ipv6_cidr_block = "::/0"
  egress_only_gateway_id      = aws_egress_only_internet_gateway.this[0].id
}

resource "aws_vpc_security_group_egress_rule" "ipv6" {
  count = var.nat == "none" ? 1 : 0

  description       = "HTTPS, and nothing else, by IPv6"
  security_group_id = var.service_security_group_id
  cidr_ipv6         = "::/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = var.tags
}
