variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "image" {
  description = "The container image, pinned by a tag or a digest."
  type        = string
}

variable "architecture" {
  description = "ARM64 or X86_64; the image has to be built for it."
  type        = string
}

variable "settings" {
  description = "The console's environment: which queue, store, artifacts and templates it shows."
  type        = map(string)
}

variable "allow_actions" {
  description = "Whether the console may replay dead letters."
  type        = bool
}

variable "execution_role_arn" {
  description = "The role with which ECS pulls the image and opens the log."
  type        = string
}

variable "trust_policy" {
  description = "The policy that lets ECS take a role for the account's tasks, as JSON."
  type        = string
}

variable "log_group_name" {
  description = "The console's log group."
  type        = string
}

variable "queue_arn" {
  description = "The jobs' queue."
  type        = string
}

variable "dead_letter_queue_arn" {
  description = "The dead-letter queue."
  type        = string
}

variable "table_arn" {
  description = "The store's table."
  type        = string
}

variable "artifacts" {
  description = "The bucket of artifacts, and the prefixes in it: the artifacts' own, and that of published templates."
  type        = object({ bucket_arn = string, prefix = string, templates = string })
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
