# Put your own account, repositories and model here.
image                = "123456789012.dkr.ecr.us-east-1.amazonaws.com/coding-agent:0.1.0"
model                = "anthropic/claude-sonnet-4-5"
model_secrets        = ["ANTHROPIC_API_KEY"]
push                 = "branch"
allowed_repositories = ["octo/hourglass"]
