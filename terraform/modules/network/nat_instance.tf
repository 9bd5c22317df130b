# One small instance as the way out, at less than half of a NAT gateway's price. The private subnets' routes lead to a network
# interface that stays; whichever instance the group runs takes it. If the instance fails, the group starts another one, and
# for some minutes nothing gets out: calls fail, and runs wait and go on.
locals {
  nat_zone = local.zones[0]
}

resource "aws_network_interface" "nat" {
  count = var.nat == "instance" ? 1 : 0

  description       = "The way out of ${var.name}"
  subnet_id         = aws_subnet.public[local.nat_zone].id
  security_groups   = [aws_security_group.nat[0].id]
  source_dest_check = false # it passes on the packets of others
  tags              = merge(var.tags, { Name = "${var.name}-nat" })
}

resource "aws_eip" "nat_instance" {
  #checkov:skip=CKV2_AWS_19:It belongs to the network interface, which one instance after the other takes.
  count = var.nat == "instance" ? 1 : 0

  domain            = "vpc"
  network_interface = aws_network_interface.nat[0].id
  tags              = merge(var.tags, { Name = "${var.name}-nat" })
  depends_on        = [aws_internet_gateway.this]
}

resource "aws_security_group" "nat" {
  count = var.nat == "instance" ? 1 : 0

  name_prefix = "${var.name}-nat-"
  description = "The NAT instance of ${var.name}"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.tags, { Name = "${var.name}-nat" })

  lifecycle {
    create_before_destroy = true # one that a network interface uses can't be destroyed
  }
}

resource "aws_vpc_security_group_ingress_rule" "nat" {
  for_each = var.nat == "instance" ? local.private : {}

  description       = "HTTPS of a private subnet"
  security_group_id = aws_security_group.nat[0].id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = var.tags
}

resource "aws_vpc_security_group_egress_rule" "nat" {
  count = var.nat == "instance" ? 1 : 0

  description       = "HTTPS, and nothing else"
  security_group_id = aws_security_group.nat[0].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  tags              = var.tags
}

resource "aws_launch_template" "nat" {
  #checkov:skip=CKV_AWS_88:It is the way out, and calls EC2 before it has the lasting address; nothing may call it from outside.
  count = var.nat == "instance" ? 1 : 0

  name_prefix   = "${var.name}-nat-"
  image_id      = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64" # the newest at each launch
  instance_type = "t4g.micro"
  # An instance that can't do its work ends itself, and the group replaces it.
  instance_initiated_shutdown_behavior = "terminate"
  tags                                 = var.tags

  user_data = base64encode(templatefile("${path.module}/nat_instance.yaml", {
    script = base64encode(templatefile("${path.module}/nat_instance.sh", {
      region    = data.aws_region.current.id
      interface = aws_network_interface.nat[0].id
      mac       = aws_network_interface.nat[0].mac_address
      router    = cidrhost(local.public[local.nat_zone], 1) # AWS reserves the second address of a subnet for its router
    }))
  }))

  iam_instance_profile {
    arn = aws_iam_instance_profile.nat[0].arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  network_interfaces {
    associate_public_ip_address = true
    delete_on_termination       = true
    security_groups             = [aws_security_group.nat[0].id]
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_size           = 8
      volume_type           = "gp3"
      encrypted             = true
      delete_on_termination = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = merge(var.tags, { Name = "${var.name}-nat" })
  }
}

resource "aws_autoscaling_group" "nat" {
  count = var.nat == "instance" ? 1 : 0

  name_prefix           = "${var.name}-nat-"
  min_size              = 1
  max_size              = 1
  vpc_zone_identifier   = [aws_subnet.public[local.nat_zone].id]
  health_check_type     = "EC2"
  max_instance_lifetime = 14 * 24 * 3600 # a new one has the newest image, so it is never long without updates
  depends_on            = [aws_route.public, aws_iam_role_policy.nat]

  launch_template {
    id      = aws_launch_template.nat[0].id
    version = aws_launch_template.nat[0].latest_version
  }

  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 0 # there is one interface: the old instance goes first
    }
  }

  dynamic "tag" {
    for_each = var.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }
}

resource "aws_iam_instance_profile" "nat" {
  count = var.nat == "instance" ? 1 : 0

  name_prefix = "${var.name}-nat-"
  role        = aws_iam_role.nat[0].name
  tags        = var.tags
}

resource "aws_iam_role" "nat" {
  count = var.nat == "instance" ? 1 : 0

  name_prefix        = "${var.name}-nat-"
  assume_role_policy = data.aws_iam_policy_document.nat_trust[0].json
  tags               = var.tags
}

data "aws_iam_policy_document" "nat_trust" {
  count = var.nat == "instance" ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "nat" {
  count = var.nat == "instance" ? 1 : 0

  name   = "attach"
  role   = aws_iam_role.nat[0].id
  policy = data.aws_iam_policy_document.nat[0].json
}

# To take the interface, and nothing else.
data "aws_iam_policy_document" "nat" {
  count = var.nat == "instance" ? 1 : 0

  statement {
    sid       = "Interface"
    actions   = ["ec2:AttachNetworkInterface"]
    resources = [aws_network_interface.nat[0].arn]
  }

  statement {
    sid       = "Instance"
    actions   = ["ec2:AttachNetworkInterface"]
    resources = ["arn:${data.aws_partition.current.partition}:ec2:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}:instance/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/Name"
      values   = ["${var.name}-nat"]
    }
  }
}
