# Gateway endpoints cost nothing, and keep artifacts, image layers and the store's traffic off the NAT's bill.
resource "aws_vpc_endpoint" "gateway" {
  for_each = toset(["dynamodb", "s3"])

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${data.aws_region.current.id}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  tags              = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

locals {
  # Without NAT there is no other way to them.
  has_endpoints = var.interface_endpoints || var.nat == "none"
  endpoint_services = concat(
    ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "sns", "sqs"],
    var.bedrock ? ["bedrock-runtime"] : [],
    var.console ? ["ssmmessages"] : [],
  )
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.has_endpoints ? toset(local.endpoint_services) : []

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${data.aws_region.current.id}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints[0].id]
  tags                = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_security_group" "endpoints" {
  count = local.has_endpoints ? 1 : 0

  name_prefix = "${var.name}-endpoints-"
  description = "The interface endpoints of ${var.name}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.tags, { Name = "${var.name}-endpoints" })

  lifecycle {
    create_before_destroy = true # one that a network interface uses can't be destroyed
  }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = local.has_endpoints ? 1 : 0

  description                  = "The service's tasks"
  security_group_id            = aws_security_group.endpoints[0].id
  referenced_security_group_id = var.service_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  tags                         = var.tags
}
