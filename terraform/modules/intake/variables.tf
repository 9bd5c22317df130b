variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "public_subnet_ids" {
  description = "Where the load balancer is."
  type        = list(string)
}

variable "service_security_group_id" {
  description = "What the load balancer may call."
  type        = string
}

variable "port" {
  description = "The worker's port."
  type        = number
}

variable "certificate_arn" {
  description = "The certificate of the intake's domain; null: that of domain, if there is one."
  type        = string
}

variable "domain" {
  description = "The intake's domain and its zone in Route 53; null: no certificate is made, and no record."
  type        = object({ name = string, zone_id = string })
}

variable "allow_plaintext_intake" {
  description = "Whether jobs are taken without a certificate, their API keys in the clear."
  type        = bool
}

variable "cidrs" {
  description = "Who may call."
  type        = list(string)
}

variable "waf_requests_per_5_minutes" {
  description = "Requests of one address above which it is blocked; null: no WAF."
  type        = number
}

variable "waf_managed_rules" {
  description = "What AWS's own groups of rules do: off, count or block."
  type        = string
}

variable "access_logs" {
  description = "Whether requests are logged in a bucket."
  type        = bool
}

variable "deletion_protection" {
  description = "Whether the load balancer refuses to be deleted."
  type        = bool
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
