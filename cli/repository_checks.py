"""``coding-agent doctor --repo``: what a run in one repository asks before a model is paid."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from cli.check import Check
from pipeline.errors import judge
from pipeline.github import Forge
from pipeline.job import IssueRef
from pipeline.policy import Allowed
from pipeline.settings import Settings, SettingsError
from repository.git import Mirrors

#: The checks, each of which needs those before it.
_REPOSITORY = "repository"
_ISSUES = "issues"
_PULL_REQUESTS = "pull requests"
_PUSH = "push"
_POLICY = "policy"


def check_access(settings: Settings, name: str) -> list[Check]:
    """Ask what the stages fetch_issue and checkout ask, until something is refused.

    Nothing is changed; a missing fork is not made.

    Raises:
        ValueError: ``name`` is not a repository's OWNER/NAME.
    """
    ref = IssueRef.parse(f"https://{settings.issue_host}/{name}/issues/1")
    checks: list[Check] = []
    for check in _ask(settings, ref):
        checks.append(check)
        if not check.ok:
            break
    return checks


def _ask(settings: Settings, ref: IssueRef) -> Iterator[Check]:
    from cli.backends import github_forge

    step = _REPOSITORY
    try:
        forge = github_forge(settings)
        yield _check_repository(settings, forge, ref)
        step = _ISSUES
        forge.check_issues(ref)
        yield Check(step, True, "they can be read")
        step = _PULL_REQUESTS
        refusal = forge.pull_refusal(ref)
        yield Check(step, refusal is None, "they can be opened, as far as is known", refusal or "")
        step = _PUSH
        yield _check_push(forge, ref)
        step = _POLICY
        yield _check_policy(forge, ref)
    except SettingsError as error:
        yield Check(step, False, hint=str(error))
    except Exception as error:  # every failure is a result of this check
        yield Check(step, False, hint=judge(error).reason)


def _check_repository(settings: Settings, forge: Forge, ref: IssueRef) -> Check:
    from pipeline.github.access import find_repository_refusal

    if not Allowed(repositories=settings.allowed_repositories).allows(ref.repository):
        hint = f"{ref.repository} is not in CODING_AGENT_ALLOWED_REPOSITORIES"
        return Check(_REPOSITORY, False, hint=hint)
    repository = forge.repository(ref)
    refusal = find_repository_refusal(repository, pushes=True)
    detail = f"{repository.full_name}, default branch {repository.default_branch}"
    return Check(_REPOSITORY, refusal is None, detail, refusal or "")


def _check_policy(forge: Forge, ref: IssueRef) -> Check:
    """Read the files of the repository's default branch, without the contents of all others."""
    from repository.ai_policy import read_admission

    repository = forge.repository(ref)
    branch = repository.default_branch
    with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
        mirror = Mirrors(Path(folder), forge.token).at(ref.repository)
        mirror.fetch(repository.clone_url, {branch}, partial=True)
        sha = mirror.branch(branch)
        if sha is None:
            return Check(_POLICY, True, f"{ref.repository} is empty")
        admission = read_admission(mirror, ref.repository, repository.clone_url, sha)
    asked = "; ".join(str(quote) for quote in admission.conditions)
    detail = f"it asks: {asked}" if asked else "nothing forbids contributions that a model made"
    return Check(_POLICY, admission.refusal is None, detail, admission.refusal or "")


def _check_push(forge: Forge, ref: IssueRef) -> Check:
    from pipeline.github.access import find_branch_refusal
    from pipeline.github.issue_pulls import branch_name

    url = forge.existing_push_url(ref)
    if url is None:
        return Check(_PUSH, True, "the first run makes a fork")
    branch = branch_name(ref.number, "doctor")
    refusal = find_branch_refusal(forge, ref, url, branch)
    return Check(_PUSH, refusal is None, f"a dry push to {url} is accepted", refusal or "")
