variable "region" {
  description = "Where everything is."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "The deployment's name, and that of the repository of images."
  type        = string
  default     = "coding-agent"
}

variable "images_kept" {
  description = "Versions of the image that are kept."
  type        = number
  default     = 10
}

variable "github_repository" {
  description = "OWNER/NAME of the repository whose workflows build the image, plan and apply; null: no roles."
  type        = string
  default     = null
}
