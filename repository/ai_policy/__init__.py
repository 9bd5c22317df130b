"""A repository's policy on contributions that a model made, read from its own files."""

from repository.ai_policy.admission import Admission, read_admission
from repository.ai_policy.files import select_policy_files
from repository.ai_policy.policy import AiPolicy, Quote, read_ai_policy

__all__ = [
    "Admission",
    "AiPolicy",
    "Quote",
    "read_admission",
    "read_ai_policy",
    "select_policy_files",
]
