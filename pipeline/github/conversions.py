"""PyGithub's objects as ours."""

from typing import TYPE_CHECKING

from pipeline.github import GHOST, Comment, OpenPull, PullRequest
from pipeline.job import IssueRef

if TYPE_CHECKING:
    import github.IssueComment
    import github.NamedUser
    import github.Organization
    import github.PullRequest


def read_login(user: "github.NamedUser.NamedUser | github.Organization.Organization | None") -> str:
    return user.login if user else GHOST


def read_comment(comment: "github.IssueComment.IssueComment") -> Comment:
    return Comment(
        author=read_login(comment.user),
        association=comment.author_association or "NONE",
        is_bot=comment.user is not None and comment.user.type == "Bot",
        created_at=comment.created_at,
        updated_at=comment.updated_at,
        body=comment.body or "",
    )


def is_head(pull: "github.PullRequest.PullRequest", repository: str, branch: str) -> bool:
    """Return whether a pull request's head is this branch of this repository."""
    head = pull.head
    if not head.repo:  # the fork was deleted
        return False
    return head.ref == branch and head.repo.full_name == repository


def is_from_push_repository(
    pull: "github.PullRequest.PullRequest", repository: str, fork_owner: str | None
) -> bool:
    """Return whether a pull request's branch is in the repository that fixes are pushed to.

    Args:
        repository: into which the pull request leads.
        fork_owner: has the fork that fixes are pushed to; None if they are pushed to the
            repository itself.
    """
    source = pull.head.repo
    if not source:  # the fork was deleted
        return False
    if fork_owner is not None:
        return source.owner.login == fork_owner
    return source.full_name.lower() == repository


def read_open_pull(
    pull: "github.PullRequest.PullRequest", ref: IssueRef, fork_owner: str | None
) -> OpenPull:
    """Return an open pull request; for ``fork_owner``, see ``is_from_push_repository``."""
    return OpenPull(
        number=pull.number,
        url=pull.html_url,
        author=read_login(pull.user),
        body=pull.body or "",
        base=pull.base.ref,
        head=pull.head.ref,
        is_from_push_repository=is_from_push_repository(pull, ref.repository, fork_owner),
    )


def read_pull(pull: "github.PullRequest.PullRequest") -> PullRequest:
    return PullRequest(
        number=pull.number,
        url=pull.html_url,
        state=pull.state,
        title=pull.title,
        body=pull.body or "",
        head_sha=pull.head.sha,
    )
