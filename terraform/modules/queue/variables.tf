variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "visibility_timeout" {
  description = "Seconds for which a received message stays hidden, unless the worker's heartbeat keeps it."
  type        = number
}

variable "max_receives" {
  description = "Receives after which SQS itself moves a message to the dead-letter queue."
  type        = number
}

variable "sender_iam_user" {
  description = "Whether an IAM user that may only send jobs is made."
  type        = bool
}

variable "sender_oidc" {
  description = "Whose OIDC tokens may take a role that may only send jobs."
  type        = object({ provider = string, audience = string, subject = string })
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
