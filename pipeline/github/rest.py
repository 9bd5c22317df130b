"""GitHub, and GitHub Enterprise, behind PyGithub."""

import itertools
import logging
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Literal

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
from pipeline.github.connection import Connection
from pipeline.github.conversions import is_head, read_comment, read_login, read_open_pull, read_pull
from pipeline.github.new_pulls import add_labels_and_reviewers, open_pull
from pipeline.github.rights import find_pull_refusal
from pipeline.job import IssueRef

if TYPE_CHECKING:
    import github
    import github.Issue
    import github.Repository

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

log = logging.getLogger(__name__)


class GithubForge:
    """Implements ``Forge`` for GitHub."""

    opens_pulls = True

    def __init__(self, connection: Connection, *, push: Literal["branch", "fork"] = "branch"):
        """Args:
        push: whether fixes go to a branch of the repository, or of the token's own fork of it.
        """
        self.connection = connection
        self._push = push

    def token(self, repository: str) -> str:
        return self.connection.token(repository)

    def check_credentials(self) -> None:
        self.connection.check_credentials()

    def repository(self, ref: IssueRef) -> Repository:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        with self.connection.calling(ref.repository, missing) as client:
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
                size_kb=repository.size or 0,
            )

    def check_issues(self, ref: IssueRef) -> None:
        """Raise ForgeRefused if the token may not read the repository's issues."""
        missing = f"the token can't read the issues of {ref.repository}"
        with self.connection.calling(ref.repository, missing, permission="Issues: read") as client:
            client.get_repo(ref.repository).get_issues(state="all").get_page(0)

    def issue(self, ref: IssueRef) -> IssueSnapshot:
        name = f"issue #{ref.number} of {ref.repository}"
        missing = f"{name} does not exist, was deleted, or the token can't see it"
        with self.connection.calling(ref.repository, missing, permission="Issues: read") as client:
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
                labels=tuple(label["name"] for label in fields.get("labels") or ()),
                is_pull_request="pull_request" in fields,
                comments=tuple(comments),
                unread_comments=max(fields["comments"] - len(comments), 0),
            )

    def last_edit(self, ref: IssueRef) -> datetime | None:
        variables = {"owner": ref.owner, "name": ref.name, "number": ref.number}
        missing = f"issue #{ref.number} of {ref.repository} does not exist"
        with self.connection.calling(ref.repository, missing) as client:
            _, data = client.requester.graphql_query(LAST_EDIT, variables)
        issue = data["data"]["repository"]["issue"]
        renamed = [event["createdAt"] for event in issue["timelineItems"]["nodes"]]
        edited = [issue["lastEditedAt"]] if issue["lastEditedAt"] else []
        times = [datetime.fromisoformat(time) for time in [*renamed, *edited]]
        return max(times, default=None)

    def push_url(self, ref: IssueRef) -> str:
        missing = f"{ref.repository} can't be forked with this token"
        with self.connection.calling(ref.repository, missing, permission="public_repo") as client:
            return self._push_repository(client, _existing(client, ref)).clone_url

    def existing_push_url(self, ref: IssueRef) -> str | None:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        with self.connection.calling(ref.repository, missing) as client:
            repository = _existing(client, ref)
            if self._push == "branch":
                return repository.clone_url
            fork = _find_fork(client, repository)
            return None if fork is None else fork.clone_url

    def pull_refusal(self, ref: IssueRef) -> str | None:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        if self.connection.is_app:
            return None  # an App's token is only issued with the permission
        with self.connection.calling(ref.repository, missing) as client:
            repository = _existing(client, ref)
            token = self.connection.token(ref.repository)
            return find_pull_refusal(token, client.oauth_scopes, repository)

    def find_pulls(self, ref: IssueRef, branch: str) -> list[PullRequest]:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        with self.connection.calling(ref.repository, missing, permission=_PULLS) as client:
            repository = _existing(client, ref)
            source = self._push_repository(client, repository)
            # The filter needs the owner as GitHub spells it. GitHub ignores a filter that it can't
            # parse, so each pull request's head is also compared here.
            head = f"{source.owner.login}:{branch}"
            pulls = repository.get_pulls(state="all", sort="created", direction="desc", head=head)
            return [read_pull(pull) for pull in pulls if is_head(pull, source.full_name, branch)]

    def open_pulls(self, ref: IssueRef) -> list[OpenPull]:
        missing = f"{ref.repository} does not exist, or the token can't see it"
        with self.connection.calling(ref.repository, missing, permission=_PULLS) as client:
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
        with self.connection.calling(ref.repository, missing, permission=_PULLS) as client:
            head = pull.head
            if self._push == "fork":
                head = f"{client.get_user().login}:{pull.head}"
            repository = client.get_repo(ref.repository)
            opened, is_draft = open_pull(repository, head, pull)
            add_labels_and_reviewers(opened, pull)
            lacks_drafts = pull.draft and not is_draft
            return read_pull(opened).model_copy(update={"lacks_drafts": lacks_drafts})

    def update_pull(self, ref: IssueRef, number: int, pull: NewPull) -> PullRequest:
        missing = f"pull request #{number} of {ref.repository} does not exist"
        with self.connection.calling(ref.repository, missing, permission=_PULLS) as client:
            existing = client.get_repo(ref.repository).get_pull(number)
            existing.edit(title=pull.title, body=pull.body)
            add_labels_and_reviewers(existing, pull)
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
