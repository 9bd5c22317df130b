data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394:The first two or three by name are taken; a zone that is added has a later name.
  state = "available"

  filter { # no local zones: Fargate and NAT gateways are not in all of them
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  zones   = slice(data.aws_availability_zones.available.names, 0, var.zones)
  private = { for index, zone in local.zones : zone => cidrsubnet(var.vpc_cidr, 4, index) }
  public  = { for index, zone in local.zones : zone => cidrsubnet(var.vpc_cidr, 4, 8 + index) }
  # zone -> the zone that its traffic leaves the VPC in
  way_out = { for zone in local.zones : zone => var.nat == "gateway_per_zone" ? zone : local.zones[0] }
  # Zones with a NAT gateway.
  gateways = startswith(var.nat, "gateway") ? toset(values(local.way_out)) : []
}

resource "aws_vpc" "this" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  # A way out without NAT: ipv6.tf.
  assign_generated_ipv6_cidr_block = var.nat == "none"
  tags                             = merge(var.tags, { Name = var.name })

  lifecycle {
    precondition {
      condition     = length(data.aws_availability_zones.available.names) >= var.zones
      error_message = "The region has fewer availability zones than are asked for."
    }
  }
}

# Nothing may use the group that every VPC comes with.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.this.id
  tags   = var.tags
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = var.name })
}

resource "aws_subnet" "public" {
  for_each = local.public

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false
  tags                    = merge(var.tags, { Name = "${var.name}-public-${each.key}" })
}

resource "aws_subnet" "private" {
  for_each = local.private

  vpc_id                          = aws_vpc.this.id
  availability_zone               = each.key
  cidr_block                      = each.value
  ipv6_cidr_block                 = var.nat == "none" ? cidrsubnet(aws_vpc.this.ipv6_cidr_block, 8, index(local.zones, each.key)) : null
  assign_ipv6_address_on_creation = var.nat == "none"
  map_public_ip_on_launch         = false
  tags                            = merge(var.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_eip" "nat" {
  for_each = local.gateways

  domain = "vpc"
  tags   = merge(var.tags, { Name = "${var.name}-nat-${each.key}" })
}

resource "aws_nat_gateway" "this" {
  for_each = local.gateways

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = merge(var.tags, { Name = "${var.name}-${each.key}" })
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  route_table_id = aws_route_table.public.id
  subnet_id      = each.value.id
}

resource "aws_route_table" "private" {
  for_each = local.private

  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_route" "private" {
  for_each = var.nat == "none" ? {} : local.way_out

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = var.nat == "instance" ? null : aws_nat_gateway.this[each.value].id
  network_interface_id   = var.nat == "instance" ? aws_network_interface.nat[0].id : null
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  route_table_id = aws_route_table.private[each.key].id
  subnet_id      = each.value.id
}
