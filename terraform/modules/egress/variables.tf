variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "vpc_id" {
  description = "The VPC whose resolver is guarded."
  type        = string
}

variable "blocks" {
  description = "Whether names that are not listed are refused, rather than only logged."
  type        = bool
}

variable "domains" {
  description = "The names that may be looked up; *.example.com is all below example.com."
  type        = list(string)
}

variable "log_retention_days" {
  description = "Days for which the log of the queries is kept."
  type        = number
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
