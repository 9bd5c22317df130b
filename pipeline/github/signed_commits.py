"""Commits that GitHub signs: those that an App's installation creates through the API.

GitHub signs them only if the request names neither an author nor a committer
(https://docs.github.com/en/authentication/managing-commit-signature-verification/about-commit-signature-verification#signature-verification-for-bots).
"""

from typing import Protocol

from pipeline.github.connection import Connection
from pipeline.job import Subject


class CommitSigner(Protocol):
    def sign(self, subject: Subject, *, tree: str, parent: str, message: str) -> str | None:
        """Create a commit that the forge signs, on no branch; return its SHA.

        Each call creates another commit, so store the SHA. The tree must be there already. Blocks.

        Returns:
            None if the forge did not sign it.

        Raises:
            ForgeRefused: the token may not create it, or the tree or its parent is not there.
        """
        ...


class GithubSigner:
    """Implements ``CommitSigner`` for the tokens of an App's installations."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def sign(self, subject: Subject, *, tree: str, parent: str, message: str) -> str | None:
        repository = subject.repository
        missing = f"commits can't be created in {repository} with this token"
        new = {"message": message, "tree": tree, "parents": [parent]}
        permission = "Contents: write"
        with self._connection.calling(repository, missing, permission=permission) as client:
            _, commit = client.requester.requestJsonAndCheck(
                "POST", f"/repos/{repository}/git/commits", input=new
            )
        is_signed: bool = commit["verification"]["verified"]
        return str(commit["sha"]) if is_signed else None
