"""What GitHub can refuse, as a table: what was paid, what the event says, what is left behind.

The whole pipeline runs in this process, with real git over HTTP and real PyGithub against the
stand-in, and a scripted model. The repository has no tests, so that a run is short.
"""

import json
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli import backends, wiring
from pipeline import settings as config
from pipeline.errors import CredentialsRefused
from pipeline.github.issue_pulls import branch_name
from pipeline.github.rest import GithubForge
from pipeline.job import FixIssueJob
from pipeline.outcome import RunResult
from pipeline.worker.one_job import run_job
from tests.stand_ins.github import READ_TOKEN, WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.wire import Logged

REPOSITORY = "octo/calc"
FINE = "github_pat_standIn0000"
REPLY = "calc.txt\n<<<<<<< SEARCH\n1 - 1\n=======\n1 + 1\n>>>>>>> REPLACE\n"
COST = 0.01

Spoil = Callable[[GithubStandIn], object]


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    tokens = {WRITE_TOKEN: "write", READ_TOKEN: "read", FINE: "write"}
    with GithubStandIn(tmp_path / "github", tokens=tokens) as server:  # type: ignore[arg-type]
        server.add_repository(REPOSITORY, {"calc.txt": "1 - 1\n"}, private=True)
        server.add_issue(REPOSITORY, "A wrong sign", "calc.txt should say 1 + 1.")
        server.limit(FINE, contents="write", issues="read", pull_requests="write")
        yield server


@dataclass
class Run:
    """A run to its end, in as many deliveries as its waits make."""

    result: RunResult
    waits: list[str] = field(default_factory=list)
    """The reasons why it waited."""


class _Waited(Exception):
    """The run waits: its next delivery begins at once."""


@dataclass
class Machine:
    folder: Path
    github: GithubStandIn
    monkeypatch: pytest.MonkeyPatch

    async def run(
        self,
        token: str = WRITE_TOKEN,
        *,
        meanwhile: Spoil | None = None,
        draft: bool = False,
        **settings: Any,
    ) -> Run:
        """Run the issue's job; ``meanwhile`` happens while the model is thinking."""
        app = self._app(token, meanwhile, settings)
        job = FixIssueJob.model_validate(
            {"issue_url": self.github.issue_url(REPOSITORY, 1), "options": {"draft": draft}}
        )
        waits: list[str] = []

        def wait(seconds: float, reason: str) -> None:
            assert seconds >= 60, "GitHub asks for at least a minute"
            waits.append(reason)
            raise _Waited

        try:
            while True:
                try:
                    event, _ = await run_job(job, app.store, app.engine, on_wait=wait)
                except _Waited:
                    continue
                assert isinstance(event.data, RunResult)
                return Run(event.data, waits)
        finally:
            app.store.close()

    def _app(self, token: str, meanwhile: Spoil | None, settings: dict[str, Any]) -> wiring.App:
        script = self.folder / "script.json"
        script.write_text(json.dumps([{"reply": REPLY, "cost_usd": COST}]))
        chosen = config.load(
            {
                "data_dir": self.folder / "data",
                "model": f"scripted:{script}",
                "strategy": "single",
                "github_token": token,
                "github_api_url": self.github.api_url,
                **settings,
            }
        )
        _, model = backends.model_client(chosen)
        if meanwhile is not None:
            self.monkeypatch.setattr(
                model, "complete", _after(lambda: meanwhile(self.github), model.complete)
            )
        return wiring.build(chosen, backends.github_forge(chosen), model=model)


def _after(
    act: Callable[[], object], complete: Callable[[Any], Awaitable[Any]]
) -> Callable[[Any], Awaitable[Any]]:
    async def wrapped(request: Any) -> Any:
        reply = await complete(request)
        act()
        return reply

    return wrapped


@pytest.fixture
def machine(tmp_path: Path, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name in [name for name in os.environ if name.startswith(("CODING_AGENT_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    return Machine(tmp_path, github, monkeypatch)


def _left_behind(github: GithubStandIn) -> tuple[set[str], int]:
    """Return the branches of ours, and the number of pull requests."""
    branches = {name for _, name in github.branches() if name.startswith("coding-agent/")}
    return branches, len(github.pulls(REPOSITORY))


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
        assert _left_behind(github) == (set(), 0)


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
        branches, pulls = _left_behind(github)
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
    assert _left_behind(github) == ({run.result.branch}, 1)


async def test_a_repository_without_drafts_gets_a_plain_pull_request(
    machine: Machine, github: GithubStandIn
) -> None:
    github.forbid_drafts(REPOSITORY)
    run = await machine.run(draft=True)
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
    assert _left_behind(github) == (set(), 0)
    run = await machine.run()
    assert (run.result.outcome, run.result.cost_usd) == ("pr_opened", COST)


#: Each kind of request that a run makes to open a pull request.
API = [
    ("GET", r"/repos/octo/calc$"),
    ("GET", r"/issues/1$"),
    ("GET", r"/pulls$"),
    ("POST", r"/pulls$"),
]
GIT = [("GET", r"info/refs$"), ("POST", r"git-upload-pack$"), ("POST", r"git-receive-pack$")]
LIMITS = {
    "primary": (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}),
    "secondary": (403, {"Retry-After": "60"}),
    "too-many": (429, {}),
    "outage": (503, {}),
}


@pytest.mark.parametrize("kind", LIMITS)
async def test_a_limit_or_an_outage_at_each_request_is_waited_for(
    machine: Machine, github: GithubStandIn, kind: str
) -> None:
    status, headers = LIMITS[kind]
    requests = API if status == 403 else [*API, *GIT]
    for method, path in requests:
        github.fail_next(method, path, status=status, headers=headers)
    run = await machine.run(FINE)
    assert (run.result.outcome, run.result.cost_usd) == ("pr_opened", COST)
    for method, path in requests:
        failed = [logged for logged in github.requests if logged.status == status]
        assert any(logged.method == method and re.search(path, _path(logged)) for logged in failed)
    assert len(run.waits) == len(requests)
    assert not [reason for reason in run.waits if re.search(r"Error|Exception|\n", reason)]
    assert _left_behind(github) == ({run.result.branch}, 1)


def _path(logged: Logged) -> str:
    return logged.path.partition("?")[0]
