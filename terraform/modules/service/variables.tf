variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "image" {
  description = "The container image, pinned by a tag or a digest."
  type        = string
}

variable "settings" {
  description = "The worker's environment."
  type        = map(string)
}

variable "secret_arns" {
  description = "Environment variable -> ARN of the secret that holds its value."
  type        = map(string)
}

variable "port" {
  description = "The worker's port."
  type        = number
}

variable "data_dir" {
  description = "The folder that both containers share."
  type        = string
}

variable "sandbox_socket" {
  description = "Where the sandbox container listens, in a folder that both containers share."
  type        = string
}

variable "cpu" {
  description = "A task's CPU, in units of 1/1024 vCPU."
  type        = number
}

variable "memory" {
  description = "A task's memory, in MiB."
  type        = number
}

variable "storage_gib" {
  description = "A task's disk, in GiB."
  type        = number
}

variable "architecture" {
  description = "ARM64 or X86_64; the image has to be built for it."
  type        = string
}

variable "min_tasks" {
  description = "Tasks that always run."
  type        = number
}

variable "max_tasks" {
  description = "Tasks that run at most."
  type        = number
}

variable "on_demand_tasks" {
  description = "Tasks that are never on Spot."
  type        = number
}

variable "spot_percent" {
  description = "Of the tasks beyond those, how many percent are on Spot."
  type        = number
}

variable "jobs_per_task" {
  description = "Jobs, waiting or in work, that a task is wanted for."
  type        = number
}

variable "scale_in_minutes" {
  description = "Minutes for which there must be too little work before tasks are ended."
  type        = number
}

variable "night" {
  description = "Hours in which no task must run, HH:MM-HH:MM; null: none."
  type        = string
}

variable "night_timezone" {
  description = "The time zone of night."
  type        = string
}

variable "night_weekends" {
  description = "Whether the night lasts from Friday evening to Monday morning."
  type        = bool
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "private_subnet_ids" {
  description = "Where the tasks run."
  type        = list(string)
}

variable "intake_security_group_id" {
  description = "The load balancer's security group: the only one that may call the tasks."
  type        = string
}

variable "target_group_arn" {
  description = "The load balancer's target group."
  type        = string
}

variable "log_group_names" {
  description = "Container -> its log group."
  type        = map(string)
}

variable "queue" {
  description = "The jobs' queue."
  type        = object({ arn = string, name = string })
}

variable "dead_letter_queue_arn" {
  description = "The dead-letter queue."
  type        = string
}

variable "topic_arns" {
  description = "The topics that events may go to."
  type        = list(string)
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
