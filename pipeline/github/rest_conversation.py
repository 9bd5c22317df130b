"""The conversation about pull requests on GitHub, by REST, and GraphQL where REST is silent."""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from pipeline.github import ForgeRefused
from pipeline.github.checks import read_failed_checks
from pipeline.github.connection import Connection
from pipeline.github.conversation import (
    MAX_REMARKS,
    Discussion,
    FailedCheck,
    Permission,
    PostedComment,
    PullDetails,
)
from pipeline.github.conversions import is_from_push_repository
from pipeline.github.job_logs import with_logs
from pipeline.github.listing import Row, list_rows, list_rows_backwards
from pipeline.github.remarks import ThreadState, read_comments, read_reviews, read_threads
from pipeline.job import Subject

if TYPE_CHECKING:
    from github.Requester import Requester

THREADS = """
query($owner: String!, $name: String!, $number: Int!, $before: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(last: 100, before: $before) {
        pageInfo { hasPreviousPage startCursor }
        nodes {
          isResolved
          isOutdated
          comments(first: 1) { nodes { fullDatabaseId } }
        }
      }
    }
  }
}
"""
"""Which threads are resolved or outdated: REST does not say the one, and the other only by lines
that are null. ``databaseId`` is deprecated, since it has 32 bits."""

_PULLS_READ = "Pull requests: read"
_PULLS_WRITE = "Pull requests: write"


class GithubConversation:
    """Implements ``Conversation`` for GitHub."""

    def __init__(self, connection: Connection, *, push: Literal["branch", "fork"] = "branch"):
        """Args:
        push: whether fixes go to a branch of the repository, or of the token's own fork of it.
        """
        self._connection = connection
        self._push = push

    def pull(self, subject: Subject) -> PullDetails:
        missing = f"{_name(subject)} does not exist, or the token can't see it"
        with self._connection.calling(
            subject.repository, missing, permission=_PULLS_READ
        ) as client:
            fork_owner = client.get_user().login if self._push == "fork" else None
            pull = client.get_repo(subject.repository).get_pull(subject.number).complete()
            repository = pull.base.repo.full_name
            if repository.lower() != subject.repository:
                raise ForgeRefused(f"{subject.repository} has moved to {repository}")
            return PullDetails(
                number=pull.number,
                url=pull.html_url,
                state=pull.state,
                merged=pull.merged,
                locked=pull.raw_data["locked"],
                labels=tuple(label.name for label in pull.labels),
                base=pull.base.ref,
                head=pull.head.ref,
                head_sha=pull.head.sha,
                is_from_push_repository=is_from_push_repository(
                    pull, subject.repository, fork_owner
                ),
            )

    def labels(self, subject: Subject) -> tuple[str, ...]:
        missing = f"#{subject.number} of {subject.repository} does not exist, or was deleted"
        with self._connection.calling(
            subject.repository, missing, permission="Issues: read"
        ) as client:
            _, answer = client.requester.requestJsonAndCheck("GET", _issue_path(subject))
        return tuple(label["name"] for label in answer["labels"])

    def discussion(self, subject: Subject) -> Discussion:
        missing = f"{_name(subject)} does not exist, or the token can't see it"
        with self._connection.calling(
            subject.repository, missing, permission=_PULLS_READ
        ) as client:
            requester = client.requester
            pull = _pull_path(subject)
            reviews = _newest(list_rows_backwards(requester, f"{pull}/reviews"))
            comments = _newest(list_rows_backwards(requester, f"{_issue_path(subject)}/comments"))
            on_lines = _newest(
                list_rows(requester, f"{pull}/comments", sort="created", direction="desc")
            )
            states = _thread_states(requester, subject) if on_lines else {}
        return Discussion(
            threads=read_threads(on_lines[:MAX_REMARKS], states),
            reviews=read_reviews(reviews[:MAX_REMARKS]),
            comments=read_comments(comments[:MAX_REMARKS]),
            is_complete=max(len(reviews), len(comments), len(on_lines)) <= MAX_REMARKS,
        )

    def permission(self, subject: Subject, login: str) -> Permission:
        from github import GithubException

        path = f"/repos/{subject.repository}/collaborators/{quote(login, safe='')}/permission"
        with self._connection.calling(subject.repository, "") as client:
            try:
                _, answer = client.requester.requestJsonAndCheck("GET", path)
            except GithubException as error:
                if error.status != 404:
                    raise
                return Permission.NONE
        # An organization's own role is not in the list: the older field has the one below it.
        role = answer.get("role_name")
        return Permission(role if role in list(Permission) else answer["permission"])

    def failed_checks(self, subject: Subject, base: str, sha: str) -> tuple[FailedCheck, ...]:
        missing = f"commit {sha} or branch {base} of {subject.repository} does not exist"
        permission = "Checks: read and Commit statuses: read"
        with self._connection.calling(subject.repository, missing, permission=permission) as client:
            failed = read_failed_checks(client.requester, subject.repository, base, sha)
        return with_logs(self._connection, subject.repository, failed)

    def reply(self, subject: Subject, thread_id: int, body: str) -> PostedComment:
        path = f"{_pull_path(subject)}/comments/{thread_id}/replies"
        missing = f"comment {thread_id} on {_name(subject)} does not exist, or was deleted"
        return self._post(subject, path, body, missing)

    def comment(self, subject: Subject, body: str) -> PostedComment:
        path = f"{_issue_path(subject)}/comments"
        return self._post(subject, path, body, f"{_name(subject)} does not exist")

    def _post(self, subject: Subject, path: str, body: str, missing: str) -> PostedComment:
        with self._connection.calling(
            subject.repository, missing, permission=_PULLS_WRITE
        ) as client:
            _, answer = client.requester.requestJsonAndCheck("POST", path, input={"body": body})
        return PostedComment(id=answer["id"], url=answer["html_url"])


def _name(subject: Subject) -> str:
    return f"pull request #{subject.number} of {subject.repository}"


def _pull_path(subject: Subject) -> str:
    return f"/repos/{subject.repository}/pulls/{subject.number}"


def _issue_path(subject: Subject) -> str:
    """Return the path under which GitHub has what issues and pull requests share."""
    return f"/repos/{subject.repository}/issues/{subject.number}"


def _newest(rows: Iterator[Row]) -> list[Row]:
    """Return the first rows of a list that begins with the newest: one more than are read, so that
    it shows whether there are more.
    """
    return list(islice(rows, MAX_REMARKS + 1))


def _thread_states(requester: "Requester", subject: Subject) -> dict[int, ThreadState]:
    """Return the state of the newest threads by the ids of their first comments."""
    variables: dict[str, object] = {
        "owner": subject.owner,
        "name": subject.name,
        "number": subject.number,
        "before": None,
    }
    states: dict[int, ThreadState] = {}
    while len(states) < MAX_REMARKS:
        _, answer = requester.graphql_query(THREADS, variables)
        threads = answer["data"]["repository"]["pullRequest"]["reviewThreads"]
        for thread in threads["nodes"]:
            for comment in thread["comments"]["nodes"]:
                state = ThreadState(thread["isResolved"], thread["isOutdated"])
                states[int(comment["fullDatabaseId"])] = state
        if not threads["pageInfo"]["hasPreviousPage"]:
            break
        variables["before"] = threads["pageInfo"]["startCursor"]
    return states
