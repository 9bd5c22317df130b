variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "variables" {
  description = "The environment variables whose values are secrets."
  type        = set(string)
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
