"""What an operator decides about the issues that are worked on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class IssueRules:
    comment_authors: tuple[str, ...]
    """GitHub's names for the roles whose comments are shown to the model."""
    takes_assigned: bool
    """Whether issues that are assigned to others are worked on."""
    max_open_pulls: int
    """Of this service, open at once in a repository."""
