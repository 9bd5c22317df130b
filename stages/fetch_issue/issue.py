"""The issue as a frozen snapshot."""

import hashlib
import json
from collections import defaultdict

from pydantic import BaseModel, ConfigDict

from pipeline.github import IssueSnapshot, Repository
from pipeline.job import IssueRef
from repository.issue_text import HiddenParts, render_line, render_text
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
    size_kb: int = 0
    """Of the repository: see ``Repository``."""
    snapshot_sha256: str
    hidden: tuple[str, ...]
    """Descriptions of what the texts hide from a reader of the page."""

    @property
    def text(self) -> str:
        comments = [comment.body for comment in self.comments]
        return "\n\n".join([self.title, self.body, *comments])


def freeze(
    ref: IssueRef, repository: Repository, snapshot: IssueSnapshot, selection: Selection
) -> Issue:
    """Return the frozen issue: what a reader of its page sees."""
    hidden: dict[str, HiddenParts] = defaultdict(HiddenParts)
    title = render_line(snapshot.title, hidden["title"])
    body = render_text(snapshot.body, hidden["body"])
    comments: list[IssueComment] = []
    for number, comment in enumerate(selection.shown, 1):
        text = render_text(comment.body, hidden[f"comment {number}"])
        comments.append(
            IssueComment(author=comment.author, association=comment.association, body=text)
        )
    descriptions = [parts.describe(name) for name, parts in hidden.items()]
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
        size_kb=repository.size_kb,
        snapshot_sha256=_digest(snapshot),
        hidden=tuple(line for line in descriptions if line is not None),
    )


def _digest(issue: IssueSnapshot) -> str:
    document = json.dumps(issue.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()
