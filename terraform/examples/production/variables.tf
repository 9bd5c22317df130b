variable "region" {
  description = "Where everything is."
  type        = string
  default     = "us-east-1"
}

variable "image" {
  description = "The container image that you have pushed."
  type        = string
}

variable "model" {
  description = "A LiteLLM model name."
  type        = string
}

variable "model_secrets" {
  description = "The environment variable with that model's key."
  type        = set(string)
}

variable "push" {
  description = "Where fixes are pushed: branch or fork."
  type        = string
}

variable "allowed_repositories" {
  description = "Whose issues are worked on."
  type        = list(string)
}

variable "certificate_arn" {
  description = "ACM certificate of the intake's domain."
  type        = string
}

variable "alarm_emails" {
  description = "Addresses that alarms are mailed to."
  type        = set(string)
}
