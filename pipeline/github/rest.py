"""GitHub, and GitHub Enterprise, behind PyGithub."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import SecretStr

from pipeline.errors import Retry
from pipeline.github import Comment, ForgeRefused, IssueSnapshot, NewPull, PullRequest, Repository
from pipeline.job import IssueRef

if TYPE_CHECKING:
    import github
    import github.IssueComment
    import github.NamedUser
    import github.Organization
    import github.PullRequest
    import github.Repository
    from github.GithubException import GithubException

TIMEOUT_SECONDS = 30
MAX_COMMENT_BYTES = 1_000_000
"""No more comments are fetched after this: the stage that reads them refuses far less."""

_log = logging.getLogger(__name__)


class Tokens(Protocol):
    """Credentials that differ by repository (see ``pipeline.github.app``)."""

    def __call__(self, repository: str) -> SecretStr: ...

    def check(self) -> None: ...


class GithubForge:
    """Implements ``Forge``. ``token`` may be a function of the repository: an App's installation token lives an hour
    and is one owner's. ``push``: fixes go to a branch of the repository, or of the token's own fork of it.

    PyGithub's own retries are off: they would repeat POSTs, whose reply can be lost after the effect; the engine
    retries. Calls are made one at a time, as GitHub's best practices ask, and because PyGithub keeps the request
    that is under way on a shared connection object.
    """

    opens_pulls = True

    def __init__(
        self,
        *,
        api_url: str,
        token: SecretStr | Tokens,
        push: Literal["branch", "fork"] = "branch",
        seconds_between_writes: float = 1.0,
    ):
        self._api_url = api_url.rstrip("/")
        self._between_writes = seconds_between_writes
        self._push = push
        self._token = token
        self._lock = threading.Lock()
        self._client: tuple[str, github.Github] | None = None

    def token(self, repository: str) -> str:
        secret = self._token if isinstance(self._token, SecretStr) else self._token(repository)
        return secret.get_secret_value()

    def check_credentials(self) -> None:
        if not isinstance(self._token, SecretStr):
            return self._token.check()
        with self._calling("", "GitHub has no rate limits here") as client:
            client.get_rate_limit()  # counts against none, and refuses a bad token

    def repository(self, ref: IssueRef) -> Repository:
        with self._calling(
            ref.repository, f"{ref.repository} does not exist, or the token can't see it"
        ) as client:
            found = _existing(client, ref)
            return Repository(
                full_name=found.full_name,
                clone_url=found.clone_url,
                default_branch=found.default_branch,
                archived=found.archived,
                push_refusal=self._push_refusal(found),
                private=found.private,
            )

    def issue(self, ref: IssueRef) -> IssueSnapshot:
        name = f"issue #{ref.number} of {ref.repository}"
        with self._calling(
            ref.repository, f"{name} does not exist, was deleted, or the token can't see it"
        ) as client:
            found = client.get_repo(ref.repository).get_issue(ref.number)
            raw = found.raw_data
            if not _same(raw["repository_url"], ref.repository):
                raise ForgeRefused(f"{name} has moved to {raw['html_url']}: send that address")
            comments: list[Comment] = []
            size = 0
            for each in found.get_comments():
                comments.append(_comment(each))
                size += len(comments[-1].body.encode(errors="replace"))
                if size > MAX_COMMENT_BYTES:
                    break
            return IssueSnapshot(
                number=raw["number"],
                title=raw["title"],
                body=raw["body"] or "",
                author=_login(found.user),
                association=raw.get("author_association", "NONE"),
                state=raw["state"],
                locked=raw["locked"],
                assignees=tuple(person["login"] for person in raw.get("assignees") or ()),
                is_pull_request="pull_request" in raw,
                comments=tuple(comments),
            )

    def push_url(self, ref: IssueRef) -> str:
        with self._calling(
            ref.repository, f"{ref.repository} can't be forked with this token"
        ) as client:
            return self._head(client, _existing(client, ref)).clone_url

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        with self._calling(
            ref.repository, f"{ref.repository} does not exist, or the token can't see it"
        ) as client:
            repository = _existing(client, ref)
            source = self._head(client, repository)
            # The filter wants the owner as GitHub spells it; one that it can't read filters
            # nothing, so look again.
            head = f"{source.owner.login}:{branch}"
            found = repository.get_pulls(state="all", sort="created", direction="desc", head=head)
            return [_pull(each) for each in found if _is_head(each, source.full_name, branch)]

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        """Raises ``Retry`` where one is open already: looking again finds it. Labels or reviewers that GitHub
        refuses cost a warning, not the pull request."""
        with self._calling(
            ref.repository, f"pull requests of {ref.repository} can't be opened with this token"
        ) as client:
            head = pull.head if self._push == "branch" else f"{client.get_user().login}:{pull.head}"
            made = client.get_repo(ref.repository).create_pull(
                base=pull.base, head=head, title=pull.title, body=pull.body, draft=pull.draft
            )
            _dress(made, pull)
            return _pull(made)

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        with self._calling(
            ref.repository, f"pull request #{number} of {ref.repository} does not exist"
        ) as client:
            found = client.get_repo(ref.repository).get_pull(number)
            found.edit(title=pull.title, body=pull.body)
            _dress(found, pull)
            return _pull(found)

    def _push_refusal(self, found: "github.Repository.Repository") -> str | None:
        if self._push == "fork":
            return (
                f"{found.full_name} does not allow forks" if found.allow_forking is False else None
            )
        # An App's token is made with the right to write, or not at all; its rights as a person are
        # none.
        if not isinstance(self._token, SecretStr) or (found.permissions and found.permissions.push):
            return None
        return f"the token has no write access to {found.full_name}"

    def _head(
        self, client: "github.Github", found: "github.Repository.Repository"
    ) -> "github.Repository.Repository":
        """Where branches are pushed: the repository, or the token's own fork of it. GitHub makes no second fork, and
        one that it has just made takes seconds until git finds it: the push is retried."""
        from github import UnknownObjectException

        if self._push == "branch":
            return found
        try:
            there = client.get_repo(f"{client.get_user().login}/{found.name}").complete()
            if there.fork and there.parent.full_name == found.full_name:
                return there
        except UnknownObjectException:
            _log.info("%s is forked", found.full_name)
        return found.create_fork(default_branch_only=True)

    @contextmanager
    def _calling(self, repository: str, missing: str) -> "Iterator[github.Github]":
        """The client, for one caller at a time; GitHub's refusals become ours. ``missing`` says
        what a 404 means.
        """
        import github

        with self._lock:
            secret = self.token(repository)
            if self._client is None or self._client[0] != secret:
                client = github.Github(
                    auth=github.Auth.Token(secret),
                    base_url=self._api_url,
                    timeout=TIMEOUT_SECONDS,
                    per_page=100,
                    retry=None,
                    seconds_between_requests=None,
                    seconds_between_writes=self._between_writes,
                    user_agent="coding-agent",
                    lazy=True,  # nothing is fetched that isn't asked for
                )
                self._client = (secret, client)
            try:
                yield self._client[1]
            except github.GithubException as error:
                raise translated(error, missing) from error


def translated(error: "GithubException", missing: str) -> Exception:
    """What waiting won't mend, as ForgeRefused; the rest as it is, for ``pipeline.errors`` to
    judge.
    """
    from github.GithubException import RateLimitExceededException

    told = _told(error)
    if error.status in (404, 410, 451):
        return ForgeRefused(f"{missing} (GitHub: {told})")
    headers = error.headers or {}
    waits = "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    if error.status == 403 and not isinstance(error, RateLimitExceededException) and not waits:
        return ForgeRefused(f"GitHub does not allow it (403): {told}")
    if error.status == 422 and "already exists" in told:
        return Retry(f"GitHub: {told}")
    if error.status == 422:
        return ForgeRefused(f"GitHub refused the request (422): {told}")
    return error


def _told(error: "GithubException") -> str:
    data = error.data if isinstance(error.data, dict) else {}
    details = [
        (
            str(item.get("message") or f"{item.get('field')}: {item.get('code')}")
            if isinstance(item, dict)
            else str(item)
        )
        for item in data.get("errors") or ()
    ]
    return "; ".join([str(data.get("message") or f"status {error.status}"), *details])[:1000]


def _dress(made: "github.PullRequest.PullRequest", pull: NewPull) -> None:
    """Labels and reviewers: adding what is there already changes nothing."""
    if pull.labels:
        with _excused(f"labels {', '.join(pull.labels)} on {made.html_url}"):
            made.add_to_labels(*pull.labels)
    for reviewer in pull.reviewers:
        with _excused(f"reviewer {reviewer} on {made.html_url}"):
            made.create_review_request(reviewers=[reviewer])


@contextmanager
def _excused(what: str) -> Iterator[None]:
    from github import GithubException

    try:
        yield
    except GithubException as error:
        refusal = translated(error, "not there")
        if not isinstance(refusal, ForgeRefused):
            raise
        _log.warning("GitHub refused %s: %s", what, refusal)


def _existing(client: "github.Github", ref: IssueRef) -> "github.Repository.Repository":
    """The repository under its own name: whoever allowed the old name of a renamed one did not
    allow the new.
    """
    found = client.get_repo(ref.repository).complete()
    if found.full_name.lower() != ref.repository:
        raise ForgeRefused(
            f"{ref.repository} has moved to {found.full_name}: send the issue's new address"
        )
    return found


def _same(api_url: str, repository: str) -> bool:
    return "/".join(api_url.rsplit("/", 2)[-2:]).lower() == repository


def _login(user: "github.NamedUser.NamedUser | github.Organization.Organization | None") -> str:
    return user.login if user else "ghost"  # GitHub's name for accounts that are gone


def _comment(comment: "github.IssueComment.IssueComment") -> Comment:
    return Comment(
        author=_login(comment.user),
        association=comment.author_association or "NONE",
        created_at=comment.created_at.isoformat(),
        body=comment.body or "",
    )


def _is_head(pull: "github.PullRequest.PullRequest", repository: str, branch: str) -> bool:
    head = pull.head
    return head.ref == branch and bool(head.repo) and head.repo.full_name == repository


def _pull(pull: "github.PullRequest.PullRequest") -> PullRequest:
    return PullRequest(
        number=pull.number,
        url=pull.html_url,
        state=pull.state,
        body=pull.body or "",
        head_sha=pull.head.sha,
    )
