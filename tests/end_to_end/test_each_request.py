"""Whatever request of a run fails, and however: the run waits, ends with a reason, or adopts what
it has done already. It never opens a second pull request, and never pays twice.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from pipeline.errors import CredentialsRefused
from tests.end_to_end.machine import (
    COST,
    FINE,
    Machine,
    Run,
    github_with_issue,
    left_behind,
)
from tests.end_to_end.scripted_app import clear_environment
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.github.wire import Failure, Incoming

OPTIONS = {"labels": ["bot"], "reviewers": ["ada"]}


def _name(incoming: Incoming, *, is_paid: bool) -> str:
    """Return what a request asks for, and whether the model had been paid by then."""
    query = parse_qs(incoming.query)
    words = [incoming.method, incoming.path]
    if "service" in query:
        words.append(query["service"][0])
    if "head" in query:
        words.append("of a branch")
    words.append("after" if is_paid else "before")
    return " ".join(words)


@dataclass
class Faults:
    """Fails the named requests of a run, each once; all of them, if it lasts, from the first on."""

    names: list[str]
    failure: Failure
    lasts: bool = False
    is_paid: bool = False
    seen: list[str] = field(default_factory=list)
    """The names of all requests, each once."""
    struck: list[str] = field(default_factory=list)

    def strike(self, incoming: Incoming) -> Failure | None:
        if ".git/" in incoming.path and not incoming.secret:
            return None  # git asks without the token first, and is refused
        if self.lasts and self.struck:
            return self.failure
        name = _name(incoming, is_paid=self.is_paid)
        if name in self.seen:
            return None
        self.seen.append(name)
        if name not in self.names:
            return None
        self.struck.append(name)
        return self.failure

    def pay(self, _: GithubStandIn) -> None:
        self.is_paid = True


async def _run(machine: Machine, faults: Faults) -> Run:
    machine.github.wire.strike = faults.strike
    try:
        return await machine.run(FINE, meanwhile=faults.pay, options=OPTIONS)
    finally:
        machine.github.wire.strike = None


@contextmanager
def _new_machine(folder: Path) -> Iterator[Machine]:
    with (
        github_with_issue(folder / "github") as github,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        clear_environment(monkeypatch)
        yield Machine(folder, github)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with _new_machine(tmp_path) as machine:
        yield machine


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the names of all requests of a run that opens a pull request."""
    faults = Faults([], Failure())
    with _new_machine(tmp_path_factory.mktemp("run")) as machine:
        _check_opened(machine.github, asyncio.run(_run(machine, faults)))
    assert "POST /api/v3/repos/octo/calc/pulls after" in faults.seen
    return faults.seen


def _check_opened(github: GithubStandIn, run: Run) -> None:
    """Check that there is exactly what a run without a failure leaves behind."""
    assert (run.result.outcome, run.result.cost_usd) == ("pr_opened", COST)
    assert left_behind(github) == ({run.result.branch}, 1)
    (pull,) = github.pulls("octo/calc")
    assert (pull.issue.labels, pull.reviewers) == (["bot"], ["ada"])


SECONDARY = "You have exceeded a secondary rate limit."


@dataclass(frozen=True)
class Trouble:
    """A limit or an outage of GitHub, and whether git waits for it, too."""

    name: str
    failure: Failure
    stops_git: bool


TROUBLES = [
    Trouble("500", Failure(500), stops_git=True),
    Trouble("secondary", Failure(403, {"Retry-After": "60"}, SECONDARY), stops_git=False),
]
MORE_TROUBLES = [
    Trouble("gateway", Failure(502, message="Bad Gateway", is_page=True), stops_git=True),
    Trouble("503", Failure(503), stops_git=True),
    Trouble("429", Failure(429, message="Too many requests"), stops_git=True),
    # git itself repeats a request whose kept-alive connection was cut.
    Trouble("cut", Failure(None), stops_git=False),
    Trouble(
        "primary",
        Failure(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}),
        stops_git=False,
    ),
    Trouble("secondary, for how long is unknown", Failure(403, {}, SECONDARY), stops_git=False),
]


@pytest.mark.parametrize(
    "trouble",
    [
        *TROUBLES,
        *[pytest.param(trouble, marks=pytest.mark.slow) for trouble in MORE_TROUBLES],
    ],
    ids=lambda trouble: trouble.name,
)
async def test_a_limit_or_an_outage_at_each_request_is_waited_for(
    machine: Machine, names: list[str], trouble: Trouble
) -> None:
    stopped = [name for name in names if trouble.stops_git or ".git/" not in name]
    faults = Faults(stopped, trouble.failure)
    run = await _run(machine, faults)
    _check_opened(machine.github, run)
    assert sorted(faults.struck) == sorted(stopped)
    assert len(run.waits) == len(stopped)
    for reason in run.waits:
        assert "Error" not in reason and "Exception" not in reason


async def test_a_reply_that_is_lost_at_each_request_repeats_no_effect(
    machine: Machine, names: list[str]
) -> None:
    faults = Faults(names, Failure(None, after_effect=True))
    run = await _run(machine, faults)
    _check_opened(machine.github, run)
    assert sorted(faults.struck) == sorted(names)


REFUSALS = {
    "403": Failure(403, message="Resource not accessible by personal access token"),
    "404": Failure(404, message="Not Found"),
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("time", ["before", "after"])
@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_refusal_of_each_request_ends_the_run_with_a_reason_or_changes_nothing(
    tmp_path: Path, names: list[str], kind: str, time: str
) -> None:
    refused = [name for name in names if name.endswith(time)]
    for number, name in enumerate(refused):
        with _new_machine(tmp_path / str(number)) as machine:
            run = await _run(machine, Faults([name], REFUSALS[kind]))
            _check_refused(machine.github, run, name)


def _check_refused(github: GithubStandIn, run: Run, name: str) -> None:
    """Check that the end of a run agrees with what was paid and with what is left behind."""
    result = run.result
    branches, pulls = left_behind(github)
    assert run.waits == [], name
    if result.outcome == "pr_opened":
        assert (result.cost_usd, branches, pulls) == (COST, {result.branch}, 1), name
        return
    assert result.reason and "Error" not in result.reason, name
    if result.outcome == "rejected":
        assert (result.cost_usd, branches, pulls) == (0.0, set(), 0), name
        return
    pushed = {result.branch} if result.branch else set()
    assert (result.outcome, result.cost_usd) == ("proposed", COST), name
    assert (branches, pulls) == (pushed, 0), name


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("time", ["before", "after"])
async def test_a_token_that_is_revoked_at_any_request_ends_no_run(
    tmp_path: Path, names: list[str], time: str
) -> None:
    refused = [name for name in names if name.endswith(time)]
    for number, name in enumerate(refused):
        faults = Faults([name], Failure(401, message="Bad credentials"), lasts=True)
        with _new_machine(tmp_path / str(number)) as machine:
            with pytest.raises(CredentialsRefused, match="GITHUB_TOKEN"):
                await _run(machine, faults)
            _check_opened(machine.github, await machine.run(FINE, options=OPTIONS))
