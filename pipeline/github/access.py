"""What would stop a run in a repository, found out before a model is paid.

A run and ``coding-agent doctor --repo`` ask the same questions with these functions.
"""

from pipeline.github import Forge, Repository
from pipeline.job import IssueRef
from repository.git import find_push_refusal


def find_repository_refusal(repository: Repository, *, pushes: bool) -> str | None:
    """Return why no run can work on the repository, as far as its own data say.

    ``pushes`` is False for a dry run.
    """
    name = repository.full_name
    if repository.archived:
        return f"{name} is archived"
    if repository.disabled:
        return f"{name} is disabled by GitHub"
    if not repository.has_issues:
        return f"issues are disabled in {name}: enable them in its settings"
    return repository.push_refusal if pushes else None


def find_access_refusal(forge: Forge, ref: IssueRef, branch: str) -> str | None:
    """Return why the branch can't be pushed, or its pull request can't be opened; None if both can,
    as far as is known: a fork that is missing is not made.

    Raises:
        ForgeRefused: the repository can't be reached.
        GitUnavailable: git got no answer.
    """
    refusal = forge.pull_refusal(ref)
    if refusal is not None:
        return refusal
    url = forge.existing_push_url(ref)
    if url is None:
        return None  # the owner of a new fork may push to it
    return find_branch_refusal(forge, ref, url, branch)


def find_branch_refusal(forge: Forge, ref: IssueRef, url: str, branch: str) -> str | None:
    """Return why the branch can't be pushed to ``url``; None if it can be.

    Raises:
        GitUnavailable: git got no answer.
    """
    reason = find_push_refusal(url, branch, forge.token(ref.repository))
    return None if reason is None else f"nothing can be pushed to {_name_of(url)}: {reason}"


def _name_of(url: str) -> str:
    """Return OWNER/NAME, or a local repository's folder."""
    if "://" not in url:
        return url
    return "/".join(url.removesuffix(".git").split("/")[-2:])
