variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vpc_cidr" {
  description = "Addresses of the VPC; each subnet takes a sixteenth of them."
  type        = string
}

variable "zones" {
  description = "How many availability zones are used."
  type        = number
}

variable "nat" {
  description = "The way out of the private subnets: instance, gateway, gateway_per_zone or none (endpoints and IPv6)."
  type        = string
}

variable "interface_endpoints" {
  description = "Whether SQS, SNS, Secrets Manager, CloudWatch Logs and ECR are reached by endpoints in the VPC."
  type        = bool
}

variable "bedrock" {
  description = "Whether Amazon Bedrock is among what has an endpoint."
  type        = bool
}

variable "console" {
  description = "Whether Systems Manager's sessions, the only way to the web console, are among what has an endpoint."
  type        = bool
}

variable "flow_logs" {
  description = "Whether the VPC's traffic is logged."
  type        = bool
}

variable "log_retention_days" {
  description = "Days for which flow logs are kept."
  type        = number
}

variable "service_security_group_id" {
  description = "Who may call the interface endpoints."
  type        = string
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
