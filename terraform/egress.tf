# The names that tasks may look up where dns_firewall is on.
data "aws_region" "current" {}

locals {
  # A model's provider, which is its name's first part -> the host that LiteLLM calls. Amazon Bedrock's are AWS's own.
  model_hosts = {
    anthropic  = "api.anthropic.com"
    deepseek   = "api.deepseek.com"
    gemini     = "generativelanguage.googleapis.com"
    groq       = "api.groq.com"
    mistral    = "api.mistral.ai"
    openai     = "api.openai.com"
    openrouter = "openrouter.ai"
    xai        = "api.x.ai"
  }
  model_providers = distinct([for model in concat([var.model], var.allowed_models) : split("/", model)[0]])
  # Their hosts must be among egress_domains or environment.
  unknown_providers = [for provider in local.model_providers : provider if provider != "bedrock" && !contains(keys(local.model_hosts), provider)]

  # Package indexes, models on a server of one's own, a trace collector: without a user's name in front.
  environment_hosts = flatten(regexall("https?://(?:[^/@[:space:]]*@)?([A-Za-z0-9.-]+)", join(" ", values(var.environment))))

  github_api_host = regex("^https://([A-Za-z0-9.-]+)", var.github_api_url)[0]
  # git's host is the API's without "api."; github.com also hands out files by two more.
  github_hosts = concat(
    [local.github_api_host, trimprefix(local.github_api_host, "api.")],
    local.github_api_host == "api.github.com" ? ["codeload.github.com", "*.githubusercontent.com"] : [],
  )

  egress_domains = distinct([for domain in concat(
    ["*.${data.aws_region.current.id}.amazonaws.com", "*.${data.aws_region.current.id}.api.aws", "*.internal"],
    local.github_hosts,
    [for provider in local.model_providers : local.model_hosts[provider] if contains(keys(local.model_hosts), provider)],
    local.environment_hosts,
    flatten(regexall("^([^/]+[.][^/]+)/", var.image)),
    var.egress_domains,
  ) : lower(domain)])
}
