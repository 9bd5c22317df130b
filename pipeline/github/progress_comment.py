"""The comment that shows the progress of work on an issue or a pull request."""

from typing import TYPE_CHECKING

from pipeline.github.accounts import Accounts
from pipeline.github.connection import Connection
from pipeline.github.listing import list_rows_backwards
from pipeline.job import Subject

if TYPE_CHECKING:
    from github.Requester import Requester

MARKER = "<!-- coding-agent:progress -->"
"""The hidden line by which the comment is recognized, if we are its author."""


class GithubProgressComment:
    """Implements ``ProgressComment``: it is our newest comment that begins with the hidden line."""

    def __init__(self, connection: Connection, accounts: Accounts):
        self._connection = connection
        self._accounts = accounts

    def put(self, subject: Subject, body: str) -> None:
        """Create the comment, or change it; do nothing if it is there with this body.

        Raises:
            ForgeRefused: the token may not comment, or the conversation is locked.
        """
        own = self._accounts.own(subject.repository)
        text = f"{MARKER}\n{body}"
        comments = f"/repos/{subject.repository}/issues/{subject.number}/comments"
        missing = f"#{subject.number} of {subject.repository} does not exist"
        with self._connection.calling(
            subject.repository, missing, permission="Issues: write"
        ) as client:
            requester = client.requester
            existing = _find(requester, comments, own.login)
            if existing is None:
                requester.requestJsonAndCheck("POST", comments, input={"body": text})
                return
            comment_id, current = existing
            if current != text:
                address = f"/repos/{subject.repository}/issues/comments/{comment_id}"
                requester.requestJsonAndCheck("PATCH", address, input={"body": text})


def _find(requester: "Requester", comments: str, login: str) -> tuple[int, str] | None:
    """Return the id and the body of our newest comment with the hidden line."""
    for row in list_rows_backwards(requester, comments):
        author = row["user"]
        is_own = author is not None and author["login"].lower() == login.lower()
        if is_own and row["body"].startswith(MARKER):
            return row["id"], row["body"]
    return None
