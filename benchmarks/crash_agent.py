"""Kill an agent's run with SIGKILL in its steps, and check that it resumes as the same run.

A scripted conversation is run undisturbed once. Then it is run again: each delivery is a process
that kills itself at a given point of a step, and the next one has an empty disk at the same paths.
The requests must be the same bytes, nothing may be paid for twice, and the change must be the same.
"""

import asyncio
import json
import multiprocessing
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.crash_judge import Defect
from benchmarks.crash_questions import is_question, is_question_key
from pipeline.engine.engine import Ended
from pipeline.model import ModelRequest
from pipeline.outcome import RunResult
from pipeline.run_key import RunKey
from sandbox import NoIsolation
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from tests.stages.conversation import Prepared
from tests.stages.killed_workers import POINTS, STEPS, StepClient, conversation, watch
from tests.stand_ins.runs import LEASE

_JOB = "the agent's"
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Death:
    """Where one process dies."""

    place: str
    step: int


@dataclass(frozen=True)
class AgentRun:
    """What a run left behind."""

    requests: tuple[str, ...]
    """The hash of each request, in order, except short questions after a lost reply."""
    patch: str
    calls: Counter[str]
    """State of a call -> number of calls."""


@dataclass(frozen=True)
class AgentCrashes:
    kills: int
    defects: list[Defect]


def measure_agent(kills: int, folder: Path) -> AgentCrashes:
    """Kill an agent's run at up to ``kills`` points; at none if nothing isolates its commands."""
    deaths = _choose_deaths(kills)
    if not deaths:
        return AgentCrashes(0, [])
    try:
        sandbox = BwrapSandbox(IndexProxy.configured({}))
    except NoIsolation:
        return AgentCrashes(0, [])
    prepared = asyncio.run(Prepared.make(folder / "prepared", sandbox))
    expected = _run(folder / "run", prepared, [])
    shutil.rmtree(folder / "run")
    run = _run(folder / "run", prepared, deaths)
    return AgentCrashes(len(deaths), list(_compare(expected, run, deaths)))


def _choose_deaths(kills: int) -> list[Death]:
    """Return the points at which to kill the run, in the order in which it reaches them."""
    deaths = [Death(place, step) for step in range(1, len(STEPS) + 1) for place in POINTS]
    # Evenly spaced, so that even a few kills are spread over all steps.
    count = min(kills, len(deaths))
    return [deaths[number * len(deaths) // count] for number in range(count)]


def _run(folder: Path, prepared: Prepared, deaths: list[Death]) -> AgentRun:
    """Deliver a job until its run ends, with a process for each delivery."""
    folder.mkdir()
    for number, death in enumerate([*deaths, None]):
        delivery = _Delivery(folder, prepared, number, death)
        process = _FORK.Process(target=delivery.run)
        process.start()
        process.join()
        expected = -signal.SIGKILL if death else 0
        if process.exitcode != expected:
            raise RuntimeError(f"a delivery ended with {process.exitcode} instead of {expected}")
    result = RunResult.model_validate_json((folder / "result.json").read_text())
    dialogue = conversation(folder, prepared, StepClient(lambda _: None))
    calls = dialogue.store.calls(RunKey(result.job_id, result.generation))
    return AgentRun(
        requests=tuple(json.loads(line) for line in (folder / "requests").read_text().split()),
        patch=dialogue.artifact(result),
        calls=Counter(call.state for call in calls if not is_question_key(call.key)),
    )


@dataclass(frozen=True)
class _Delivery:
    """One delivery of the job, in a process of its own."""

    folder: Path
    prepared: Prepared
    number: int
    death: Death | None

    def run(self) -> None:
        watch(setattr, self._reach)
        dialogue = conversation(self.folder, self.prepared, StepClient(self._record))
        # The previous delivery's lease has expired.
        dialogue.clock.now += self.number * 2 * LEASE
        answer = asyncio.run(dialogue.deliver())
        if isinstance(answer, Ended):
            (self.folder / "result.json").write_text(answer.result.model_dump_json())

    def _reach(self, place: str, step: int) -> None:
        if self.death == Death(place, step):
            os.kill(os.getpid(), signal.SIGKILL)

    def _record(self, request: ModelRequest) -> None:
        if is_question(request):
            return
        with (self.folder / "requests").open("a") as file:
            file.write(json.dumps(request.hash) + "\n")


def _compare(expected: AgentRun, run: AgentRun, deaths: list[Death]) -> Iterator[Defect]:
    if set(run.requests) != set(expected.requests):
        yield Defect("resumed_differently", _JOB, "a request differs from the undisturbed run's")
    if run.patch != expected.patch:
        yield Defect("resumed_differently", _JOB, "the change differs from the undisturbed run's")
    lost = sum(death.place == "asking" for death in deaths)
    if len(run.requests) != len(expected.requests) + lost:
        yield Defect("paid_twice", _JOB, f"{len(run.requests)} calls, of which {lost} were cut")
    if run.calls["settled"] != expected.calls["settled"]:
        yield Defect("paid_twice", _JOB, f"{run.calls['settled']} calls were settled")
