"""As whom commits are made, and who signs them."""

from dataclasses import dataclass

from pipeline.github.commit_author import CommitAuthor
from pipeline.github.signed_commits import CommitSigner


@dataclass(frozen=True)
class CommitIdentity:
    author: CommitAuthor
    signer: CommitSigner | None = None
    """None if the forge signs no commits of this service."""
