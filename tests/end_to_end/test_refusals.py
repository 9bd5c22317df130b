"""What GitHub can refuse, as a table: what was paid, what the event says, what is left behind."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import CredentialsRefused
from pipeline.github.issue_pulls import branch_name
from pipeline.github.rest import GithubForge
from pipeline.job import FixIssueJob
from pipeline.outcome import RunResult
from tests.end_to_end.machine import (
    COST,
    FINE,
    REPOSITORY,
    Machine,
    Spoil,
    github_with_issue,
    left_behind,
)
from tests.end_to_end.scripted_app import clear_environment
from tests.stand_ins.github import READ_TOKEN, WRITE_TOKEN, GithubStandIn


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with github_with_issue(tmp_path / "github") as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch) -> Machine:
    clear_environment(monkeypatch)
    return Machine(tmp_path, github)


def _check_reason(result: RunResult, reason: str) -> None:
    assert reason in result.reason
    assert "\n" not in result.reason and "Error" not in result.reason.replace("Server Error", "")


@dataclass(frozen=True)
class Refused:
    """A refusal that is known before a model is paid."""

    name: str
    spoil: Spoil
    reason: str
    token: str = WRITE_TOKEN
    settings: dict[str, Any] = field(default_factory=dict)


def _limit(**permissions: str) -> Spoil:
    granted = {"contents": "write", "issues": "read", "pull_requests": "write"} | permissions
    return lambda github: github.limit(FINE, **granted)


def _push_foreign_commit(github: GithubStandIn) -> None:
    """Put somebody's commit on the job's branch in the fork."""
    job = FixIssueJob(issue_url=github.issue_url(REPOSITORY, 1))
    GithubForge(github.connect(READ_TOKEN), push="fork").push_url(job.issue)
    github.commit("read-bot/calc", {"x": "x"}, branch=branch_name(1, job.id))


BEFORE = [
    Refused("contents-missing", _limit(contents="none"), "give it write access", FINE),
    Refused("contents-read", _limit(contents="read"), "Contents: write", FINE),
    Refused("issues-missing", _limit(issues="none"), "the token needs Issues: read", FINE),
    Refused("pulls-missing", _limit(pull_requests="none"), "needs Pull requests: write", FINE),
    Refused("pulls-read", _limit(pull_requests="read"), "give it Pull requests: write", FINE),
    Refused("scopes", lambda github: github.limit_scopes(WRITE_TOKEN, "gist"), "does not exist"),
    Refused("a-reader", lambda github: None, "set CODING_AGENT_PUSH=fork", READ_TOKEN),
    Refused("archived", lambda github: github.archive(REPOSITORY), "octo/calc is archived"),
    Refused("disabled", lambda github: github.disable(REPOSITORY), "is disabled by GitHub"),
    Refused("no-issues", lambda github: github.disable_issues(REPOSITORY), "issues are disabled"),
    Refused("deleted", lambda github: github.delete_repository(REPOSITORY), "does not exist"),
    Refused(
        "renamed",
        lambda github: github.rename_repository(REPOSITORY, "octo/calculator"),
        "octo/calc has moved to octo/calculator",
    ),
    Refused("closed", lambda github: github.close_issue(REPOSITORY, 1), "issue #1 is closed"),
    Refused("locked", lambda github: github.lock_issue(REPOSITORY, 1), "issue #1 is locked"),
    Refused(
        "no-agent",
        lambda github: github.label(REPOSITORY, 1, "no-agent"),
        "has the label no-agent",
    ),
    Refused(
        "assigned",
        lambda github: github.assign_issue(REPOSITORY, 1, "ada"),
        "issue #1 is assigned to ada: unassign them",
    ),
    Refused(
        "policy",
        lambda github: github.commit(REPOSITORY, {"AI_POLICY.md": "AI code is not accepted."}),
        "does not accept such contributions: “AI code is not accepted.” (AI_POLICY.md, line 1)",
    ),
    Refused(
        "policy-before-a-fork",
        lambda github: github.commit(REPOSITORY, {"AI_POLICY.md": "AI code is not accepted."}),
        "does not accept such contributions",
        READ_TOKEN,
        {"push": "fork"},
    ),
    Refused(
        "not-enabled",
        lambda github: github.commit(REPOSITORY, {".coding-agent.toml": "enabled = false\n"}),
        "its .coding-agent.toml says enabled = false",
    ),
    Refused(
        "prefix",
        lambda github: github.commit(REPOSITORY, {"x": "x"}, branch="coding-agent"),
        "its branch coding-agent makes the name",
    ),
    Refused(
        "no-forks",
        lambda github: github.forbid_forks(REPOSITORY),
        "octo/calc does not allow forks",
        READ_TOKEN,
        {"push": "fork"},
    ),
    Refused(
        "fork-not-made",
        lambda github: github.fail_next("POST", "/forks$", status=403, message="No more forks."),
        "No more forks",
        READ_TOKEN,
        {"push": "fork"},
    ),
    Refused(
        "foreign-commit-in-the-fork",
        _push_foreign_commit,
        "holds a commit that is not ours",
        READ_TOKEN,
        {"push": "fork"},
    ),
]


@pytest.mark.parametrize("row", BEFORE, ids=lambda row: row.name)
async def test_a_refusal_that_can_be_known_comes_before_the_model_is_paid(
    machine: Machine, github: GithubStandIn, row: Refused
) -> None:
    row.spoil(github)
    run = await machine.run(row.token, **row.settings)
    result = run.result
    _check_reason(result, row.reason)
    assert (result.outcome, result.cost_usd, result.branch) == ("rejected", 0.0, None)
    assert run.waits == []
    if row.name not in ("deleted", "renamed", "prefix", "foreign-commit-in-the-fork"):
        assert left_behind(github) == (set(), 0)
        assert github.fork_of(REPOSITORY) is None


async def test_an_invited_service_works_on_an_assigned_issue_and_quotes_conditions(
    machine: Machine, github: GithubStandIn
) -> None:
    github.assign_issue(REPOSITORY, 1, "ada")
    github.assign_issue(REPOSITORY, 1, "write-bot")
    asked = "AI tools are welcome if their use is disclosed."
    github.commit(REPOSITORY, {"CONTRIBUTING.md": f"Please disclose the use of AI. {asked}"})
    assert (await machine.run()).result.outcome == "pr_opened"
    body = github.pulls(REPOSITORY)[0].issue.body or ""
    assert "Please disclose the use of AI." in body


@dataclass(frozen=True)
class Meanwhile:
    """What happens after the checks, while the model is thinking."""

    name: str
    spoil: Spoil
    reason: str
    pushed: bool
    token: str = WRITE_TOKEN


def _no_pulls(github: GithubStandIn) -> None:
    github.limit(FINE, contents="write", issues="read", pull_requests="read")


def _no_push(github: GithubStandIn) -> None:
    github.limit(FINE, contents="read", issues="read", pull_requests="write")


MIDWAY = [
    Meanwhile("no-push", _no_push, "nothing was pushed: the token may not push", False, FINE),
    Meanwhile("no-pulls", _no_pulls, "the token needs Pull requests: write", True, FINE),
    Meanwhile(
        "pulls-forbidden",
        lambda github: github.forbid_pulls(REPOSITORY),
        "GitHub Actions is not permitted to create or approve pull requests",
        True,
    ),
    Meanwhile(
        "protected",
        lambda github: github.protect(REPOSITORY, "coding-agent/*"),
        "nothing was pushed: the remote rejected the push (",
        False,
    ),
    Meanwhile(
        "archived",
        lambda github: github.archive(REPOSITORY),
        "This repository was archived so it is read-only",
        False,
    ),
    Meanwhile(
        "deleted",
        lambda github: github.delete_repository(REPOSITORY),
        "nothing was pushed: octo/calc does not exist",
        False,
    ),
    Meanwhile(
        "renamed",
        lambda github: github.rename_repository(REPOSITORY, "octo/calculator"),
        "nothing was pushed: octo/calc has moved to octo/calculator",
        False,
    ),
    Meanwhile(
        "prefix",
        lambda github: github.commit(REPOSITORY, {"x": "x"}, branch="coding-agent"),
        "nothing was pushed: the remote rejected the push (",
        False,
    ),
]


@pytest.mark.parametrize("row", MIDWAY, ids=lambda row: row.name)
async def test_a_refusal_after_the_checks_keeps_the_patch_and_names_the_branch(
    machine: Machine, github: GithubStandIn, row: Meanwhile
) -> None:
    run = await machine.run(row.token, meanwhile=row.spoil)
    result = run.result
    _check_reason(result, row.reason)
    assert (result.outcome, result.cost_usd) == ("proposed", COST)
    assert "patch" in result.artifacts
    assert run.waits == []
    assert (result.branch is not None) == row.pushed
    if row.pushed:
        assert result.branch is not None and result.branch in result.reason
    if row.name not in ("deleted", "renamed"):
        branches, pulls = left_behind(github)
        assert branches == ({result.branch} if row.pushed else set())
        assert pulls == 0


async def test_a_fork_is_made_before_the_model_is_paid_and_opens_the_pull_request(
    machine: Machine, github: GithubStandIn
) -> None:
    forks: list[str | None] = []
    run = await machine.run(
        READ_TOKEN,
        push="fork",
        meanwhile=lambda github: forks.append(github.sha("read-bot/calc", "main")),
    )
    assert forks == [github.sha(REPOSITORY, "main")]
    assert (run.result.outcome, run.waits) == ("pr_opened", [])
    (pull,) = github.pulls(REPOSITORY)
    assert pull.source.full_name == "read-bot/calc"


@pytest.mark.parametrize("spoil", ["close_issue", "lock_issue"])
async def test_an_issue_that_is_closed_or_locked_meanwhile_still_gets_its_pull_request(
    machine: Machine, github: GithubStandIn, spoil: str
) -> None:
    run = await machine.run(meanwhile=lambda github: getattr(github, spoil)(REPOSITORY, 1))
    assert run.result.outcome == "pr_opened"
    assert left_behind(github) == ({run.result.branch}, 1)


async def test_a_repository_without_drafts_gets_a_plain_pull_request(
    machine: Machine, github: GithubStandIn
) -> None:
    github.forbid_drafts(REPOSITORY)
    run = await machine.run(options={"draft": True})
    assert run.result.outcome == "pr_opened"
    assert "not a draft, which the repository does not support" in run.result.reason
    (pull,) = github.pulls(REPOSITORY)
    assert not pull.draft


@pytest.mark.parametrize(("path", "times"), [("/repos/octo/calc$", 1), ("info/refs$", 2)])
async def test_refused_credentials_reject_no_job(
    machine: Machine, github: GithubStandIn, path: str, times: int
) -> None:
    """git asks once without and once with the token."""
    github.fail_next("GET", path, status=401, times=times)
    with pytest.raises(CredentialsRefused, match="GITHUB_TOKEN"):
        await machine.run()
    run = await machine.run()
    assert (run.result.outcome, run.result.cost_usd) == ("pr_opened", COST)


async def test_a_token_that_is_revoked_meanwhile_ends_no_run(
    machine: Machine, github: GithubStandIn
) -> None:
    with pytest.raises(CredentialsRefused, match="GITHUB_TOKEN"):
        await machine.run(FINE, meanwhile=lambda github: github.revoke(FINE))
    assert left_behind(github) == (set(), 0)
    run = await machine.run()
    assert (run.result.outcome, run.result.cost_usd) == ("pr_opened", COST)
