"""The review of a pull request as a task: what the model is shown of it, and may reply to."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

#: The template that tells the model about a review.
REVIEW = "review"
#: Maximum characters of a reply to a comment.
MAX_COMMENT_REPLY = 1_500


class ReviewComment(BaseModel):
    """A comment to answer, as it is shown to the model. What people wrote is untrusted text."""

    model_config = ConfigDict(frozen=True)

    name: str
    """Names it for the model, such as C1."""
    author: str
    path: str | None = None
    """The file that it is about; None if it is about the whole pull request."""
    place: str | None = None
    """The lines of the file, in words."""
    hunk: str | None = None
    """The diff up to these lines."""
    body: str


class ReviewCheck(BaseModel):
    """A failed check, as it is shown to the model: untrusted text."""

    model_config = ConfigDict(frozen=True)

    name: str
    conclusion: str
    text: str


class FollowUp(BaseModel):
    """The review that a run answers with a further commit and with replies."""

    model_config = ConfigDict(frozen=True)

    number: int
    """The pull request's."""
    comments: tuple[ReviewComment, ...]
    checks: tuple[ReviewCheck, ...]
    omitted: tuple[str, ...]
    """What is not shown, in our words."""
    tree: str
    """SHA of the pull request's tree."""
    conversation_key: str | None
    """Artifact: the conversation that made the pull request's change; None if there is none."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the comments."""
        return tuple(comment.name for comment in self.comments)

    def find_comment(self, name: str) -> str | None:
        """Return a comment's name as it is known here; None if there is no such comment."""
        number = name.strip().strip("#[]`").upper().removeprefix("C")
        return next((known for known in self.names if known == f"C{number}"), None)

    def variables(
        self, *, agent: Mapping[str, Any] | None = None, diff: str | None = None
    ) -> dict[str, Any]:
        """Return the variables of the template ``review``.

        Args:
            agent: the workspace and the limits; None with the strategy ``single``.
            diff: the change so far, if the model does not know it.
        """
        review = {
            "number": self.number,
            "comments": self.comments,
            "checks": self.checks,
            "omitted": self.omitted,
            "diff": diff,
        }
        return {"review": review, "agent": agent}
