"""Verdicts on simulated runs of random suites, some of whose tests end at random.

What a test does is drawn for each run on each side. A flaky test differs at least once in the runs
of a side: what repetition can see. ``docs/verdicts.md`` states how likely it is to miss one.
"""

import asyncio
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.outcome import Verification
from repository.git import Entry
from repository.testing.change_tester import ChangeTester
from repository.testing.folders import Changes
from repository.testing.models import Recipe, Status, Suite, TestReport
from repository.testing.repetition import REPETITIONS
from stages.apply_patch import Candidate
from stages.run_tests.candidate_tester import CandidateTester
from stages.run_tests.results import Change, Passed, Regressed, Result, Unproven

OWN = "tests/test_own.py"
FILES = ("tests/test_a.py", "tests/test_b.py")
CHANGE: Changes = {"calc.py": b"", OWN: b""}
RUNS = 1 + REPETITIONS

State = Literal["passed", "failed", "error", "skipped", "missing"]
RED: tuple[State, ...] = ("failed", "error")
STATES: tuple[State, ...] = ("passed", *RED, "skipped", "missing")


@dataclass(frozen=True)
class Check:
    """A test: what it does in each run without and with the change."""

    name: str
    file: str
    without: tuple[State, ...]
    with_change: tuple[State, ...]
    new_id: bool = False
    """Whether its id is another one in each run."""
    before: State = "missing"
    """For a test of OWN: what the base's version of it does."""
    alone: State | None = None
    """What it does without the change if its file is run alone; None if that is the same."""

    @property
    def is_own(self) -> bool:
        return self.file == OWN

    def states(self, changes: Changes, tests: Sequence[str]) -> tuple[State, ...]:
        """Return what it does in each run of some test files (none: all) with a change."""
        if tests and self.file not in tests:
            return always("missing")
        if self.is_own and OWN not in changes:
            return always(self.before)
        if "calc.py" in changes:
            return self.with_change
        return always(self.alone) if tests and self.alone else self.without

    def id(self, run: str) -> str:
        module = self.file.removesuffix(".py").replace("/", ".")
        parameter = f"[{run}]" if self.new_id else ""
        return f"{module}::{self.name}{parameter}"


class FakeBed:
    """A test bed whose runs end as the tests' states say."""

    recipe = Recipe(
        repository="octo/calc",
        base_sha="1",
        committed_at=1,
        runner="pytest",
        python="3.11",
        patterns=("test_*.py",),
    )
    folder_inside = "/workspace"

    def __init__(self, checks: Sequence[Check]):
        self._checks = checks

    async def run(self, changes: Changes, tests: Sequence[str], *, label: str) -> TestReport:
        repetition = re.search(r"again-(\d)", label)
        number = int(repetition[1]) if repetition else 0
        results: dict[str, Status] = {}
        for check in self._checks:
            state = check.states(changes, tests)[number]
            if state != "missing":
                results[check.id(label)] = state
        return TestReport(results=results, completed=True, failures={}, seconds=1.0, log_key=label)


class FakeMirror:
    def files(self, treeish: str) -> list[Entry]:
        return [Entry("100644", "", 0, path) for path in ("calc.py", OWN, *FILES)]


async def judge_change(checks: Sequence[Check], seconds_left: float) -> Result:
    bed: Any = FakeBed(checks)
    mirror: Any = FakeMirror()
    base = await bed.run({}, (), label="tests-base")
    suite = Suite(
        runnable=True,
        reason="",
        runner="pytest",
        python="3.11",
        tests=(),
        whole=True,
        base=base,
        log_key=None,
        recipe=bed.recipe,
    )
    candidate = Candidate(proposal=0, patch_key="", tree="", paths=tuple(CHANGE), summary="")
    tester = CandidateTester(
        ChangeTester(bed, mirror, suite, base), None, round=1, seconds_left=lambda: seconds_left
    )
    return await tester.test(Change(0, candidate, b"", CHANGE), tuple(CHANGE))


def word(checks: Sequence[Check], seconds_left: float = math.inf) -> str:
    result = asyncio.run(judge_change(checks, seconds_left))
    match result:
        case Passed(verdict=verdict):
            return verdict.verification.value
        case Unproven(verdict=verdict):
            assert verdict.verification is Verification.NOT_VERIFIED
            return "unproven"
        case Regressed():
            return "sent back"
    return "did not run"


def always(state: State) -> tuple[State, ...]:
    return (state,) * RUNS


def differs(check: Check) -> bool:
    """Whether runs on one side differ; a new test that never passes with the change is no matter of
    luck."""
    if check.is_own and "passed" not in check.with_change:
        return False
    sides = (check.without, check.with_change)
    return any(len({state == "passed" for state in side}) > 1 for side in sides)


#: Red for a reason of our environment, so that no suite is ever green.
ENVIRONMENT = Check("test_network", FILES[0], always("error"), always("error"))

states = st.tuples(*[st.sampled_from(STATES)] * RUNS)
files = st.sampled_from((*FILES, OWN))
flaky = st.builds(
    Check,
    st.just("test_flaky"),
    files,
    states,
    states,
    new_id=st.booleans(),
    before=st.sampled_from(STATES),
).filter(differs)
harmless_states = st.sampled_from(
    [
        ("passed", "passed"),
        ("failed", "failed"),
        ("failed", "skipped"),
        ("failed", "missing"),
        ("skipped", "passed"),
        ("skipped", "skipped"),
        ("missing", "passed"),
    ]
)


@st.composite
def harmless(draw: st.DrawFn) -> Check:
    """A test that the change neither breaks nor fixes."""
    without, with_change = draw(harmless_states)
    file = draw(st.sampled_from(FILES))
    new_id = draw(st.booleans())
    return Check("test_harmless", file, always(without), always(with_change), new_id)


def fixed(file: str) -> Check:
    return Check("test_fixed", file, always("failed"), always("passed"))


def broken(with_change: State, *, new_id: bool = False) -> Check:
    return Check("test_broken", FILES[1], always("passed"), always(with_change), new_id)


def numbered(checks: Sequence[Check]) -> list[Check]:
    """Return tests with a name of their own each, and the one that our environment lacks."""
    renamed = [
        Check(f"{check.name}_{number}", *list(vars(check).values())[1:])
        for number, check in enumerate(checks)
    ]
    return [ENVIRONMENT, *renamed]


#: A test of a file that the change writes, which fails if that file is run alone.
needs_others = st.just(
    Check("test_order", OWN, always("passed"), always("passed"), before="passed", alone="failed")
)
noise = st.lists(st.one_of(flaky, harmless(), needs_others), max_size=6)


@given(noise)
@settings(max_examples=150)
def test_a_change_that_breaks_and_fixes_nothing_is_neither_sent_back_nor_proven(
    checks: list[Check],
) -> None:
    assert word(numbered(checks)) == "not verified"


@given(noise, files)
def test_a_fix_is_proven_among_flaky_tests(checks: list[Check], file: str) -> None:
    assert word(numbered([*checks, fixed(file)])) == "red to green"


@given(noise, st.sampled_from([state for state in STATES if state != "passed"]), st.booleans())
def test_a_broken_test_is_seen_among_flaky_tests_and_beside_a_fix(
    checks: list[Check], with_change: State, fix: bool
) -> None:
    fixes = [fixed(OWN)] if fix else []
    assert word(numbered([*checks, *fixes, broken(with_change)])) == "sent back"


@given(st.lists(harmless(), max_size=4), st.sampled_from(RED))
def test_a_broken_test_with_another_id_in_each_run_is_seen(
    checks: list[Check], with_change: State
) -> None:
    assert word(numbered([*checks, fixed(OWN), broken(with_change, new_id=True)])) == "sent back"


@given(noise)
def test_a_new_test_that_fails_with_the_change_keeps_it_from_being_proven(
    checks: list[Check],
) -> None:
    failing = Check("test_new", OWN, always("failed"), always("failed"))
    assert word(numbered([*checks, fixed(OWN), failing])) == "unproven"


def test_without_time_for_a_repetition_nothing_is_proven_and_what_is_broken_is_sent_back() -> None:
    assert word(numbered([fixed(OWN)]), seconds_left=1.5) == "not verified"
    assert word(numbered([broken("failed")]), seconds_left=1.5) == "sent back"
