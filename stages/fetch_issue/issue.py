"""The issue as a frozen snapshot."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict

from pipeline.github import IssueSnapshot, Repository
from pipeline.job import IssueRef
from repository.issue_text import strip_hidden_text
from stages.fetch_issue.comments import Selection


class IssueComment(BaseModel):
    model_config = ConfigDict(frozen=True)

    author: str
    association: str
    body: str


class Issue(BaseModel):
    """The issue as shown to the model. Untrusted: data in a prompt, never anything else."""

    model_config = ConfigDict(frozen=True)

    url: str
    repository: str
    number: int | None
    """None for an issue that exists only as text."""
    title: str
    body: str
    author: str
    association: str
    """GitHub's name for the author's role: OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, NONE, ..."""
    comments: tuple[IssueComment, ...]
    omitted: tuple[str, ...] = ()
    """Descriptions of the comments that are not shown."""
    clone_url: str
    default_branch: str
    private: bool
    snapshot_sha256: str
    hidden: tuple[str, ...]
    """Descriptions of text that was removed because a reader of the page would not see it."""

    @property
    def public_url(self) -> str | None:
        """The issue's address if others can open it."""
        return None if self.number is None else self.url

    @property
    def text(self) -> str:
        comments = [comment.body for comment in self.comments]
        return "\n\n".join([self.title, self.body, *comments])


def freeze(
    ref: IssueRef, repository: Repository, snapshot: IssueSnapshot, selection: Selection
) -> Issue:
    """Return the frozen issue, without text that a reader of its page would not see."""
    hidden: list[str] = []
    title = strip_hidden_text(snapshot.title, "title", hidden)
    body = strip_hidden_text(snapshot.body, "body", hidden)
    comments: list[IssueComment] = []
    for number, comment in enumerate(selection.shown, 1):
        text = strip_hidden_text(comment.body, f"comment {number}", hidden)
        comments.append(
            IssueComment(author=comment.author, association=comment.association, body=text)
        )
    return Issue(
        url=ref.url,
        repository=ref.repository,
        number=None if ref.is_local else snapshot.number,
        title=title,
        body=body,
        author=snapshot.author,
        association=snapshot.association,
        comments=tuple(comments),
        omitted=selection.omitted,
        clone_url=repository.clone_url,
        default_branch=repository.default_branch,
        private=repository.private,
        snapshot_sha256=_digest(snapshot),
        hidden=tuple(hidden),
    )


def _digest(issue: IssueSnapshot) -> str:
    document = json.dumps(issue.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()
