"""Opening a pull request, and adding its labels and reviewers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.github import ForgeRefused, NewPull
from pipeline.github.errors import forge_error, github_words

if TYPE_CHECKING:
    import github.PullRequest
    import github.Repository

_NO_DRAFTS = "Draft pull requests are not supported"
"""GitHub's message for private repositories of a plan without drafts."""

log = logging.getLogger(__name__)


def open_pull(
    repository: "github.Repository.Repository", head: str, pull: NewPull
) -> "tuple[github.PullRequest.PullRequest, bool]":
    """Open the pull request; return it, and whether it is a draft.

    It is a plain one if the repository does not support drafts.
    """
    from github import GithubException

    try:
        return _create(repository, head, pull, draft=pull.draft), pull.draft
    except GithubException as error:
        lacks_drafts = error.status == 422 and _NO_DRAFTS in github_words(error)
        if not pull.draft or not lacks_drafts:
            raise
    log.info("%s does not support drafts: opening a plain pull request", repository.url)
    return _create(repository, head, pull, draft=False), False


def _create(
    repository: "github.Repository.Repository", head: str, pull: NewPull, *, draft: bool
) -> "github.PullRequest.PullRequest":
    return repository.create_pull(
        base=pull.base, head=head, title=pull.title, body=pull.body, draft=draft
    )


def add_labels_and_reviewers(opened: "github.PullRequest.PullRequest", pull: NewPull) -> None:
    """Add a pull request's labels and reviewers. Idempotent.

    If GitHub refuses them, only a warning is logged.
    """
    if pull.labels:
        with _warning_if_refused(f"labels {', '.join(pull.labels)} on {opened.html_url}"):
            _add_labels(opened, pull.labels)
    for reviewer in pull.reviewers:
        with _warning_if_refused(f"reviewer {reviewer} on {opened.html_url}"):
            opened.create_review_request(reviewers=[reviewer])


def _add_labels(opened: "github.PullRequest.PullRequest", labels: tuple[str, ...]) -> None:
    """Add labels by the request that GitHub describes; PyGithub's own is an older form."""
    opened.requester.requestJsonAndCheck(
        "POST", f"{opened.issue_url}/labels", input={"labels": list(labels)}
    )


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
