variable "name" {
  description = "Prefix of every name."
  type        = string
}

variable "containers" {
  description = "The containers, each with a log group of its own."
  type        = set(string)
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "alarm_emails" {
  description = "Addresses that alarms are mailed to."
  type        = set(string)
}

variable "thresholds" {
  description = "When alarms are raised."
  type = object({
    oldest_job_seconds          = number
    failure_share               = number
    budget_share                = number
    cpu_percent                 = number
    memory_percent              = number
    disk_percent                = number
    server_errors_per_5_minutes = number
  })
}

variable "max_cost_usd_per_day" {
  description = "The deployment's budget of a UTC day, in US dollars."
  type        = number
}

variable "may_sleep" {
  description = "Whether there may be no task while there is no work: then silence is no fault."
  type        = bool
}

variable "queue_name" {
  description = "The jobs' queue."
  type        = string
}

variable "dead_letter_queue_name" {
  description = "The dead-letter queue."
  type        = string
}

variable "cluster_name" {
  description = "The ECS cluster."
  type        = string
}

variable "service_name" {
  description = "The ECS service."
  type        = string
}

variable "alb_metrics_name" {
  description = "The load balancer, as its metrics name it."
  type        = string
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
}
