variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "artifacts_prefix" {
  description = "What of the bucket expires; the rest, published templates, stays."
  type        = string
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
