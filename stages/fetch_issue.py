"""The issue as it is now: a frozen snapshot without what a person could not see. Policy says no here, before money."""

import asyncio
import hashlib
import json
import re
import unicodedata

from pydantic import BaseModel, ConfigDict

from pipeline.github import Forge, ForgeRefused, IssueSnapshot
from pipeline.outcome import Outcome
from pipeline.stage import RunContext, Stop

MAX_ISSUE_BYTES = 256_000
"""GitHub itself takes 65,536 characters a text; more than this, comments included, describes no one change."""

_HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_KEPT_CONTROLS = "\n\t"
#: Unicode's Default_Ignorable_Code_Point outside of category Cf: fillers, joiners, variation selectors
#: (https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt).
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)


class IssueComment(BaseModel):
    model_config = ConfigDict(frozen=True)

    author: str
    association: str
    body: str


class Issue(BaseModel):
    """What the issue says, as a model may read it. Untrusted: data in a prompt, never anything else."""

    model_config = ConfigDict(frozen=True)

    url: str
    repository: str
    number: int
    title: str
    body: str
    author: str
    association: str
    """GitHub's word for the author: OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, NONE, ..."""
    comments: tuple[IssueComment, ...]
    clone_url: str
    default_branch: str
    private: bool
    snapshot_sha256: str
    hidden: tuple[str, ...]
    """What was taken out because a reader of the page would not see it."""

    @property
    def text(self) -> str:
        return "\n\n".join([self.title, self.body, *(comment.body for comment in self.comments)])


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
        if refusal := _refusal(snapshot):
            return _rejected(refusal)
        hidden: list[str] = []
        issue = Issue(
            url=ref.url,
            repository=ref.repository,
            number=snapshot.number,
            title=visible(snapshot.title, "title", hidden),
            body=visible(snapshot.body, "body", hidden),
            author=snapshot.author,
            association=snapshot.association,
            comments=tuple(
                IssueComment(author=c.author, association=c.association, body=visible(c.body, f"comment {n}", hidden))
                for n, c in enumerate(snapshot.comments, 1)
            ),
            clone_url=repository.clone_url,
            default_branch=repository.default_branch,
            private=repository.private,
            snapshot_sha256=_digest(snapshot),
            hidden=tuple(hidden),
        )
        if not issue.text.strip():
            return Stop(Outcome.NEEDS_INFO, "the issue has no text: say what happens and what should happen")
        if hidden:
            run.progress(f"hidden text removed: {'; '.join(hidden)}")
        return issue


def _rejected(reason: str) -> Stop:
    return Stop(Outcome.REJECTED, reason)


def _refusal(issue: IssueSnapshot) -> str | None:
    if issue.is_pull_request:
        return f"#{issue.number} is a pull request, not an issue"
    if issue.state != "open":
        return f"issue #{issue.number} is {issue.state}"
    if issue.locked:
        return f"issue #{issue.number} is locked"
    if issue.assignees:
        return f"issue #{issue.number} is assigned to {', '.join(issue.assignees)}"
    size = sum(len(text.encode()) for text in (issue.title, issue.body, *(c.body for c in issue.comments)))
    if size > MAX_ISSUE_BYTES:
        return f"issue #{issue.number} is too large: {size} bytes with its comments, {MAX_ISSUE_BYTES} at most"
    return None


def _digest(issue: IssueSnapshot) -> str:
    return hashlib.sha256(json.dumps(issue.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def visible(text: str, where: str, hidden: list[str]) -> str:
    """``text`` without HTML comments and characters that show nothing; what was taken out is told in ``hidden``.

    Format characters (Unicode Cf: zero-width, bidirectional overrides, tags), fillers and controls can carry
    instructions that no reader of the page sees. Joiners inside emoji go too: they cost a picture, not a meaning. A
    comment that never ends hides all that follows, as it does in a browser.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = "".join(
        ch
        for ch in _IGNORABLE.sub("", text)
        if ch in _KEPT_CONTROLS or unicodedata.category(ch) not in ("Cf", "Cc", "Co", "Cs")
    )
    kept, comments = _HTML_COMMENT.subn(_apart, seen)
    if comments:
        hidden.append(f"{where}: {comments} HTML comment{'s' if comments > 1 else ''}")
    if invisible := len(text) - len(seen):
        hidden.append(f"{where}: {invisible} invisible character{'s' if invisible > 1 else ''}")
    return kept


def _apart(comment: re.Match[str]) -> str:
    """Nothing, or a space where the text around a comment would become the start of another one."""
    before = comment.string[max(comment.start() - 3, 0) : comment.start()]
    return " " if before.endswith(("<", "<!", "<!-")) else ""
