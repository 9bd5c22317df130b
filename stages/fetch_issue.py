"""Read the current issue into a frozen snapshot, without text that a person could not see.

Issues that policy forbids are rejected here, before anything costs money.
"""

import asyncio
import hashlib
import json

from pydantic import BaseModel, ConfigDict

from pipeline.github import Forge, ForgeRefused, IssueSnapshot, Repository
from pipeline.job import IssueRef
from pipeline.outcome import Outcome
from pipeline.stage import RunContext, Stop
from repository.issue_text import strip_hidden_text

MAX_ISSUE_BYTES = 256_000
"""Of the issue and all its comments. GitHub accepts 65,536 characters per text; an issue larger
than this is not about a single change.
"""


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
    number: int
    title: str
    body: str
    author: str
    association: str
    """GitHub's name for the author's role: OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, NONE, ..."""
    comments: tuple[IssueComment, ...]
    clone_url: str
    default_branch: str
    private: bool
    snapshot_sha256: str
    hidden: tuple[str, ...]
    """Descriptions of text that was removed because a reader of the page would not see it."""

    @property
    def text(self) -> str:
        comments = [comment.body for comment in self.comments]
        return "\n\n".join([self.title, self.body, *comments])


class FetchIssue:
    name = "fetch_issue"

    def __init__(self, forge: Forge):
        self._forge = forge

    async def run(self, run: RunContext) -> Issue | Stop:
        ref = run.job.issue
        try:
            repository = await asyncio.to_thread(self._forge.repository, ref)
            if repository.archived:
                return _rejected(f"{repository.full_name} is archived")
            if repository.push_refusal and not run.job.options.dry_run:
                return _rejected(repository.push_refusal)
            snapshot = await asyncio.to_thread(self._forge.issue, ref)
        except ForgeRefused as error:
            return _rejected(str(error))
        refusal = _refusal(snapshot)
        if refusal is not None:
            return _rejected(refusal)
        issue = await asyncio.to_thread(_freeze, ref, repository, snapshot)
        if not issue.text.strip():
            return Stop(
                Outcome.NEEDS_INFO, "the issue has no text: say what happens and what should happen"
            )
        if issue.hidden:
            run.progress(f"hidden text removed: {'; '.join(issue.hidden)}")
        return issue


def _freeze(ref: IssueRef, repository: Repository, snapshot: IssueSnapshot) -> Issue:
    hidden: list[str] = []
    title = strip_hidden_text(snapshot.title, "title", hidden)
    body = strip_hidden_text(snapshot.body, "body", hidden)
    comments: list[IssueComment] = []
    for number, comment in enumerate(snapshot.comments, 1):
        text = strip_hidden_text(comment.body, f"comment {number}", hidden)
        comments.append(
            IssueComment(author=comment.author, association=comment.association, body=text)
        )
    return Issue(
        url=ref.url,
        repository=ref.repository,
        number=snapshot.number,
        title=title,
        body=body,
        author=snapshot.author,
        association=snapshot.association,
        comments=tuple(comments),
        clone_url=repository.clone_url,
        default_branch=repository.default_branch,
        private=repository.private,
        snapshot_sha256=_digest(snapshot),
        hidden=tuple(hidden),
    )


def _refusal(issue: IssueSnapshot) -> str | None:
    """Return why the issue can't be worked on, or None if it can."""
    if issue.is_pull_request:
        return f"#{issue.number} is a pull request, not an issue"
    if issue.state != "open":
        return f"issue #{issue.number} is {issue.state}"
    if issue.locked:
        return f"issue #{issue.number} is locked"
    if issue.assignees:
        return f"issue #{issue.number} is assigned to {', '.join(issue.assignees)}"
    comments = [comment.body for comment in issue.comments]
    size = sum(len(text.encode()) for text in [issue.title, issue.body, *comments])
    if size > MAX_ISSUE_BYTES:
        return (
            f"issue #{issue.number} is too large: {size} bytes with its comments, at most"
            f" {MAX_ISSUE_BYTES} are allowed"
        )
    return None


def _rejected(reason: str) -> Stop:
    return Stop(Outcome.REJECTED, reason)


def _digest(issue: IssueSnapshot) -> str:
    document = json.dumps(issue.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(document.encode()).hexdigest()
