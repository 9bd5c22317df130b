"""GitHub, and GitHub Enterprise, behind PyGithub."""

import itertools
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import SecretStr

from pipeline.errors import Retry
from pipeline.github import (
    MAX_OPEN_PULLS,
    Comment,
    ForgeRefused,
    IssueSnapshot,
    NewPull,
    OpenPull,
    PullRequest,
    Repository,
)
from pipeline.github.conversions import is_head, read_comment, read_login, read_open_pull, read_pull
from pipeline.github.errors import forge_error, github_words
from pipeline.github.rights import find_pull_refusal
from pipeline.job import IssueRef

if TYPE_CHECKING:
    import github
    import github.Issue
    import github.PullRequest
    import github.Repository

    from pipeline.github.client import CurrentToken

MAX_COMMENTS = 1000
"""Of an issue's newest comments. Far more than are shown, because most may be left out."""

LAST_EDIT = """
query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) {
      lastEditedAt
      timelineItems(itemTypes: [RENAMED_TITLE_EVENT], last: 1) {
        nodes { ... on RenamedTitleEvent { createdAt } }
      }
    }
  }
}
"""
"""When an issue's body and its title were last changed. REST does not say: its ``updated_at`` also
changes with comments and labels."""

_PULLS = "Pull requests: write"
_NO_DRAFTS = "Draft pull requests are not supported"
"""GitHub's message for private repositories of a plan without drafts."""

_ACCESS_ENDED = "GitHub no longer accepts the App's token: a new one is requested"
_UNREADABLE = "GitHub's answer was cut off or is no JSON"

log = logging.getLogger(__name__)


class Tokens(Protocol):
    """Credentials that depend on the repository; see ``pipeline.github.app``."""

    def __call__(self, repository: str) -> SecretStr: ...

    def forget(self, repository: str) -> None: ...

    def check(self) -> None: ...


class GithubForge:
    """Implements ``Forge`` for GitHub.

    PyGithub's own retries are off: they would repeat POSTs, whose reply can be lost after the
    effect; the engine retries instead. Calls are made one at a time, as GitHub's best practices
    recommend, and because PyGithub stores the current request on a shared connection object.
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
        """Args:
        token: one for all repositories, or a function of the repository: an App's installation
            token is valid for an hour and for one owner.
        push: whether fixes go to a branch of the repository, or of the token's own fork of it.
        """
        self._api_url = api_url.rstrip("/")
        self._seconds_between_writes = seconds_between_writes
        self._push = push
        self._token = token
        self._lock = threading.Lock()
        self._client: tuple[CurrentToken, github.Github] | None = None
        """The client, and the token that it uses."""

    def token(self, repository: str) -> str:
        if isinstance(self._token, SecretStr):
            return self._token.get_secret_value()
        return self._token(repository).get_secret_value()

    def check_credentials(self) -> None:
        if not isinstance(self._token, SecretStr):
            self._token.check()
            return
        with self._calling("", "GITHUB_API_URL is not the address of GitHub's API") as client:
            _require_valid_token(client)

    def repository(self, ref: IssueRef) -> Repository:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        with self._calling(ref.repository, missing) as client:
            repository = _existing(client, ref)
            fields = repository.raw_data
            return Repository(
                full_name=repository.full_name,
                clone_url=repository.clone_url,
                default_branch=repository.default_branch,
                archived=repository.archived,
                disabled=fields.get("disabled", False),
                has_issues=fields.get("has_issues", True),
                push_refusal=self._push_refusal(repository),
                private=repository.private,
            )

    def check_issues(self, ref: IssueRef) -> None:
        """Raise ForgeRefused if the token may not read the repository's issues."""
        missing = f"the token can't read the issues of {ref.repository}"
        with self._calling(ref.repository, missing, permission="Issues: read") as client:
            client.get_repo(ref.repository).get_issues(state="all").get_page(0)

    def issue(self, ref: IssueRef) -> IssueSnapshot:
        name = f"issue #{ref.number} of {ref.repository}"
        missing = f"{name} does not exist, was deleted, or the token can't see it"
        with self._calling(ref.repository, missing, permission="Issues: read") as client:
            issue = client.get_repo(ref.repository).get_issue(ref.number)
            fields = issue.raw_data
            if not _is_of_repository(fields["repository_url"], ref.repository):
                raise ForgeRefused(f"{name} has moved to {fields['html_url']}: send that address")
            assignees = [person["login"] for person in fields.get("assignees") or ()]
            comments = _newest_comments(issue, fields["comments"])
            return IssueSnapshot(
                number=fields["number"],
                title=fields["title"],
                body=fields["body"] or "",
                author=read_login(issue.user),
                association=fields.get("author_association", "NONE"),
                state=fields["state"],
                locked=fields["locked"],
                assignees=tuple(assignees),
                is_pull_request="pull_request" in fields,
                comments=tuple(comments),
                unread_comments=max(fields["comments"] - len(comments), 0),
            )

    def last_edit(self, ref: IssueRef) -> datetime | None:
        variables = {"owner": ref.owner, "name": ref.name, "number": ref.number}
        missing = f"issue #{ref.number} of {ref.repository} does not exist"
        with self._calling(ref.repository, missing) as client:
            _, data = client.requester.graphql_query(LAST_EDIT, variables)
        issue = data["data"]["repository"]["issue"]
        renamed = [event["createdAt"] for event in issue["timelineItems"]["nodes"]]
        edited = [issue["lastEditedAt"]] if issue["lastEditedAt"] else []
        times = [datetime.fromisoformat(time) for time in [*renamed, *edited]]
        return max(times, default=None)

    def push_url(self, ref: IssueRef) -> str:
        missing = f"{ref.repository} can't be forked with this token"
        with self._calling(ref.repository, missing, permission="public_repo") as client:
            return self._push_repository(client, _existing(client, ref)).clone_url

    def existing_push_url(self, ref: IssueRef) -> str | None:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        with self._calling(ref.repository, missing) as client:
            repository = _existing(client, ref)
            if self._push == "branch":
                return repository.clone_url
            fork = _find_fork(client, repository)
            return None if fork is None else fork.clone_url

    def pull_refusal(self, ref: IssueRef) -> str | None:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        if not isinstance(self._token, SecretStr):
            return None  # an App's token is only issued with the permission
        with self._calling(ref.repository, missing) as client:
            repository = _existing(client, ref)
            token = self._token.get_secret_value()
            return find_pull_refusal(token, client.oauth_scopes, repository)

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        with self._calling(ref.repository, missing, permission=_PULLS) as client:
            repository = _existing(client, ref)
            source = self._push_repository(client, repository)
            # The filter needs the owner as GitHub spells it. GitHub ignores a filter that it can't
            # parse, so each pull request's head is also compared here.
            head = f"{source.owner.login}:{branch}"
            pulls = repository.get_pulls(state="all", sort="created", direction="desc", head=head)
            return [read_pull(pull) for pull in pulls if is_head(pull, source.full_name, branch)]

    def open_pulls(self, ref: IssueRef) -> list[OpenPull]:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        with self._calling(ref.repository, missing, permission=_PULLS) as client:
            fork_owner = client.get_user().login if self._push == "fork" else None
            repository = client.get_repo(ref.repository)
            pulls = repository.get_pulls(state="open", sort="created", direction="desc")
            return [read_open_pull(pull, ref, fork_owner) for pull in islice(pulls, MAX_OPEN_PULLS)]

    def create_pull(self, ref: IssueRef, pull: NewPull) -> PullRequest:
        """Open a pull request; a plain one if the repository does not support drafts.

        If GitHub refuses labels or reviewers, only a warning is logged.

        Raises:
            Retry: one is already open; the next ``find_pulls`` returns it.
        """
        missing = f"pull requests of {ref.repository} can't be opened with this token"
        with self._calling(ref.repository, missing, permission=_PULLS) as client:
            head = pull.head
            if self._push == "fork":
                head = f"{client.get_user().login}:{pull.head}"
            repository = client.get_repo(ref.repository)
            opened, is_draft = _create_pull(repository, head, pull)
            _add_labels_and_reviewers(opened, pull)
            lacks_drafts = pull.draft and not is_draft
            return read_pull(opened).model_copy(update={"lacks_drafts": lacks_drafts})

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        missing = f"pull request #{number} of {ref.repository} does not exist"
        with self._calling(ref.repository, missing, permission=_PULLS) as client:
            existing = client.get_repo(ref.repository).get_pull(number)
            existing.edit(title=pull.title, body=pull.body)
            _add_labels_and_reviewers(existing, pull)
            return read_pull(existing)

    def _push_refusal(self, repository: "github.Repository.Repository") -> str | None:
        """Return the reason why no fix can be pushed, as far as the repository's own data say."""
        if self._push == "fork" and repository.allow_forking is False:
            return f"{repository.full_name} does not allow forks"
        return None

    def _push_repository(
        self, client: "github.Github", repository: "github.Repository.Repository"
    ) -> "github.Repository.Repository":
        """Return the repository that branches are pushed to: this one, or the token's own fork.

        GitHub creates no second fork. A new one is visible to git only after some seconds.
        """
        if self._push == "branch":
            return repository
        fork = _find_fork(client, repository)
        if fork is not None:
            return fork
        log.info("forking %s", repository.full_name)
        return repository.create_fork(default_branch_only=True)

    @contextmanager
    def _calling(
        self, repository: str, missing: str, *, permission: str = ""
    ) -> "Iterator[github.Github]":
        """Lend the client to one caller at a time, and convert GitHub's errors.

        Args:
            missing: the message for a 404.
            permission: what the token needs for the request.
        """
        import github

        with self._lock:
            client = self._client_for(self.token(repository))
            try:
                yield client
            except github.GithubException as error:
                if error.status == 401 and not isinstance(self._token, SecretStr):
                    self._token.forget(repository)
                    raise Retry(_ACCESS_ENDED, counts=False, detail=str(error)) from error
                raise forge_error(error, missing, permission) from error
            except json.JSONDecodeError as error:
                raise Retry(_UNREADABLE, counts=False, detail=str(error)) from error

    def _client_for(self, token: str) -> "github.Github":
        from pipeline.github.client import CurrentToken, new_client

        if self._client is None:
            auth = CurrentToken()
            client = new_client(
                self._api_url, auth, seconds_between_writes=self._seconds_between_writes
            )
            self._client = (auth, client)
        auth, client = self._client
        auth.value = token
        return client


def _require_valid_token(client: "github.Github") -> None:
    """Ask for the rate limits, which counts against none of them; raise 401 for a bad token.

    An Enterprise server has no rate limits by default, and then answers a valid token with 404
    ("Rate limiting is not enabled.").
    """
    from github import GithubException

    try:
        client.get_rate_limit()
    except GithubException as error:
        if error.status != 404 or "rate limit" not in github_words(error).lower():
            raise


def _add_labels_and_reviewers(opened: "github.PullRequest.PullRequest", pull: NewPull) -> None:
    """Add a pull request's labels and reviewers. Idempotent."""
    if pull.labels:
        with _warning_if_refused(f"labels {', '.join(pull.labels)} on {opened.html_url}"):
            opened.add_to_labels(*pull.labels)
    for reviewer in pull.reviewers:
        with _warning_if_refused(f"reviewer {reviewer} on {opened.html_url}"):
            opened.create_review_request(reviewers=[reviewer])


@contextmanager
def _warning_if_refused(what: str) -> Iterator[None]:
    from github import GithubException

    try:
        yield
    except GithubException as error:
        refusal = forge_error(error, "not there")
        if not isinstance(refusal, ForgeRefused):
            raise
        log.warning("GitHub refused %s: %s", what, refusal)


def _existing(client: "github.Github", ref: IssueRef) -> "github.Repository.Repository":
    """Return the repository, unless it has been renamed.

    A deployment that allows a repository's old name does not thereby allow its new one.
    """
    repository = client.get_repo(ref.repository).complete()
    if repository.full_name.lower() != ref.repository:
        raise ForgeRefused(
            f"{ref.repository} has moved to {repository.full_name}: send the issue's new address"
        )
    return repository


def _find_fork(
    client: "github.Github", repository: "github.Repository.Repository"
) -> "github.Repository.Repository | None":
    """Return the fork of the repository that belongs to the token's account."""
    from github import UnknownObjectException

    try:
        own = client.get_repo(f"{client.get_user().login}/{repository.name}").complete()
    except UnknownObjectException:
        return None
    is_fork = own.fork and own.parent.full_name == repository.full_name
    return own if is_fork else None


def _create_pull(
    repository: "github.Repository.Repository", head: str, pull: NewPull
) -> "tuple[github.PullRequest.PullRequest, bool]":
    """Open the pull request; return it, and whether it is a draft."""
    from github import GithubException

    try:
        return _open_pull(repository, head, pull, draft=pull.draft), pull.draft
    except GithubException as error:
        lacks_drafts = error.status == 422 and _NO_DRAFTS in github_words(error)
        if not pull.draft or not lacks_drafts:
            raise
    log.info("%s does not support drafts: opening a plain pull request", repository.url)
    return _open_pull(repository, head, pull, draft=False), False


def _open_pull(
    repository: "github.Repository.Repository", head: str, pull: NewPull, *, draft: bool
) -> "github.PullRequest.PullRequest":
    return repository.create_pull(
        base=pull.base, head=head, title=pull.title, body=pull.body, draft=draft
    )


def _is_of_repository(api_url: str, repository: str) -> bool:
    owner_and_name = api_url.rsplit("/", 2)[-2:]
    return "/".join(owner_and_name).lower() == repository


def _newest_comments(issue: "github.Issue.Issue", count: int) -> list[Comment]:
    """Return the newest of an issue's ``count`` comments, at most ``MAX_COMMENTS``; oldest first.

    GitHub lists an issue's comments by age only, so its pages are read from the last one back.
    """
    if count == 0:
        return []
    fetched = itertools.islice(issue.get_comments().reversed, MAX_COMMENTS)
    comments = [read_comment(comment) for comment in fetched]
    comments.reverse()
    return comments
