"""An in-memory forge with one repository and its issues, without a server."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipeline.github import (
    Comment,
    ForgeRefused,
    IssueSnapshot,
    NewPull,
    OpenPull,
    PullRequest,
    Repository,
)
from pipeline.job import IssueRef


def snapshot(number: int = 42, **changes: object) -> IssueSnapshot:
    fields = {
        "number": number,
        "title": "add() subtracts",
        "body": "It should add.",
        "author": "ann",
        "association": "NONE",
        "state": "open",
        "locked": False,
        "assignees": (),
        "is_pull_request": False,
        "comments": (),
        "unread_comments": 0,
    }
    return IssueSnapshot.model_validate(fields | changes)


COMMENTED_AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def comment(body: str, author: str = "bob", **changes: object) -> Comment:
    fields = {
        "author": author,
        "association": "MEMBER",
        "is_bot": False,
        "created_at": COMMENTED_AT,
        "updated_at": changes.get("created_at", COMMENTED_AT),
        "body": body,
    }
    return Comment.model_validate(fields | changes)


@dataclass
class StaticForge:
    """Only knows octo/repo; refuses what is missing, as the real forge does; opens nothing."""

    clone_url: str = "https://github.com/octo/repo.git"
    default_branch: str = "main"
    archived: bool = False
    disabled: bool = False
    has_issues: bool = True
    push_refusal: str | None = None
    pull_refusal_reason: str | None = None
    issues: dict[int, IssueSnapshot] = field(default_factory=lambda: {42: snapshot()})
    edited_at: datetime | None = None
    error: Exception | None = None
    """Raised by every method."""
    pulls: list[OpenPull] = field(default_factory=list)
    """The open pull requests."""
    calls: list[str] = field(default_factory=list)
    opens_pulls: bool = True

    def repository(self, ref: IssueRef) -> Repository:
        self._ask("repository", ref)
        return Repository(
            full_name="Octo/Repo",
            clone_url=self.clone_url,
            default_branch=self.default_branch,
            archived=self.archived,
            disabled=self.disabled,
            has_issues=self.has_issues,
            push_refusal=self.push_refusal,
            private=True,
        )

    def issue(self, ref: IssueRef) -> IssueSnapshot:
        self._ask("issue", ref)
        if ref.number not in self.issues:
            raise ForgeRefused(f"there is no issue #{ref.number} in {ref.repository}")
        return self.issues[ref.number]

    def last_edit(self, ref: IssueRef) -> datetime | None:
        self._ask("last_edit", ref)
        return self.edited_at

    def token(self, repository: str) -> None:
        return None

    def check_credentials(self) -> None:
        self._ask("check_credentials", IssueRef.parse("https://github.com/octo/repo/issues/1"))

    def push_url(self, ref: IssueRef) -> str:
        raise AssertionError("nothing should be pushed here")

    def existing_push_url(self, ref: IssueRef) -> str:
        return self.clone_url

    def pull_refusal(self, ref: IssueRef) -> str | None:
        self._ask("pull_refusal", ref)
        return self.pull_refusal_reason

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        self._ask("find_pulls", ref)
        return []

    def open_pulls(self, ref: IssueRef) -> list[OpenPull]:
        self._ask("open_pulls", ref)
        return self.pulls

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        raise AssertionError("nothing should be opened here")

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        raise AssertionError("nothing should be changed here")

    def _ask(self, what: str, ref: IssueRef) -> None:
        self.calls.append(what)
        if self.error is not None:
            raise self.error
        if ref.repository != "octo/repo":
            raise ForgeRefused(f"{ref.repository} does not exist, or the token can't see it")
