variable "region" {
  description = "Where everything is."
  type        = string
  default     = "us-east-1"
}

variable "name" {
  description = "The deployment's name, and that of the repository of images."
  type        = string
  default     = "coding-agent"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 21 lower-case letters, digits and dashes, from a letter to a letter or digit: a bucket and roles are named after it."
  }
}

variable "images_kept" {
  description = "Versions of the image that are kept."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.images_kept >= 2 && floor(var.images_kept) == var.images_kept
    error_message = "images_kept must be a whole number of at least 2: with one, nothing is left to roll back to."
  }
}

variable "github_repository" {
  description = "OWNER/NAME of the repository whose workflows build the image, plan and apply; null: no roles."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null ? true : can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be the OWNER/NAME of one repository: with a * in it, the workflows of others would get the roles."
  }
}
