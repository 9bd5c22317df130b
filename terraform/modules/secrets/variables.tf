variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "variables" {
  description = "The environment variables whose values are secrets."
  type        = set(string)
}

variable "recovery_days" {
  description = "Days for which a deleted secret can be restored; until then, its name is taken. 0 deletes it at once."
  type        = number
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
