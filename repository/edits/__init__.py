"""Turn a model's reply into changed files: read, locate, apply, check."""
