"""A repository's policy on contributions that a model made, read from its own files."""

from repository.ai_policy.files import select_policy_files
from repository.ai_policy.policy import AiPolicy, Quote, read_ai_policy

__all__ = ["AiPolicy", "Quote", "read_ai_policy", "select_policy_files"]
