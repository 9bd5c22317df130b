"""Runs without a worker: a clock, claimed jobs, a run for a single stage, and an engine with four
small stages whose answers a test sets.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import Budget, EffectiveLimits, Stopwatch
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Engine
from pipeline.engine.progress_comment import ProgressComment
from pipeline.engine.run_page import MakePage
from pipeline.job import FIX_ISSUE, FixIssueJob, Job, Replay
from pipeline.leased_run import LeasedRun
from pipeline.model import ModelReply
from pipeline.model.ledger import Ledger
from pipeline.money import to_micro_usd
from pipeline.outcome import Event, Facts, Outcome, RunResult
from pipeline.policy import Policy
from pipeline.stage import Back, LocalResources, Observers, Pipeline, RunContext, Stop
from pipeline.store.contract import (
    CallRequest,
    Claimed,
    ClaimedInvalid,
    Effect,
    MoneyCaps,
    Round,
    RunRow,
    Submission,
)
from pipeline.store.sqlite import SqliteStore
from pipeline.store.store import RunStore
from pipeline.telemetry.spans import NoTracer, Tracer
from prompts.template_set import TemplateSet

#: 2001-09-09, within a UTC day.
START = 1_000_000_000.0
DAY = "2001-09-09"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:events"
LEASE = 60.0
LIMITS = EffectiveLimits(1.0, 30.0, 3)


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: float = START

    def __call__(self) -> float:
        return self.now


def job(number: int = 42, **fields: object) -> FixIssueJob:
    return FixIssueJob.model_validate(
        {"issue_url": f"https://github.com/octo/repo/issues/{number}"} | fields
    )


def claim(
    store: RunStore, requested: Job | None = None, *, redrive_of: int | None = None
) -> Claimed:
    """Claim a run that no other delivery holds."""
    claimed = store.claim(
        Submission.of(requested or job(), redrive_of=redrive_of), lease_seconds=LEASE
    )
    assert isinstance(claimed, Claimed), claimed
    return claimed


def result_of(
    claimed: Claimed | ClaimedInvalid,
    outcome: Outcome = Outcome.NO_FIX,
    reason: str = "a reason",
) -> RunResult:
    run = claimed.run
    return RunResult(
        job_id=run.job_id,
        generation=run.generation,
        issue_url=run.issue_url,
        repository=run.repository,
        outcome=outcome,
        reason=reason,
        trace="t",
    )


def call_request(micro_usd: int, key: str = "propose/1", day: str = DAY) -> CallRequest:
    return CallRequest(key, micro_usd, model="m", reply_key="replies/{attempt}", day=day)


def finish(
    store: RunStore,
    claimed: Claimed | ClaimedInvalid,
    outcome: Outcome = Outcome.NO_FIX,
    topic: str | None = TOPIC,
) -> Event:
    result = result_of(claimed, outcome)
    event = Event.about(result, "2001-09-09T01:46:40.000Z")
    store.finish(claimed.lease, result, event, topic)
    return event


def park(store: RunStore, event: Event, refusal: str) -> None:
    """Let the event's topic refuse it until it is not tried again."""
    is_parked = False
    while not is_parked:
        rows = store.pending_events() + store.refused_events()
        row = next(row for row in rows if row.event_id == event.id)
        is_parked = store.refuse_event(row, refusal)


def reply(content: str = "an edit", cost_usd: float = 0.01) -> ModelReply:
    return ModelReply(
        content=content,
        finish_reason="stop",
        model="m",
        prompt_tokens=1,
        completion_tokens=1,
        cost_usd=cost_usd,
    )


class StageRun:
    """A run for a single stage, with a new store and new artifacts.

    Its workspace is in ``folder``, and is the same for all runs there.
    """

    def __init__(
        self,
        folder: Path,
        requested: FixIssueJob | None = None,
        *,
        limits: EffectiveLimits = LIMITS,
        clock: Callable[[], float] | None = None,
    ):
        self.job = requested or job()
        self.limits = limits
        self.clock = clock or Clock()
        self.workspace = folder / "workspace"
        self.workspace.mkdir(parents=True, exist_ok=True)
        state = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
        self.store = SqliteStore(state / "store.sqlite", clock=self.clock)
        self.artifacts = FolderArtifacts(state / "artifacts")
        self.claimed = claim(self.store, self.job)
        self.reports: list[str] = []
        """The stage's progress reports."""
        self.statuses: list[str] = []
        self.held = ExitStack()
        """What the stage holds."""

    def next_generation(self, **replay: object) -> None:
        """Finish this generation, and claim a replay of the job."""
        finish(self.store, self.claimed)
        self.job = self.job.model_copy(update={"replay": Replay.model_validate(replay)})
        self.claimed = claim(self.store, self.job)

    def context(
        self,
        *,
        stage: str = "under_test",
        rounds: Sequence[Round] = (),
        workspace: Path | None = None,
    ) -> RunContext:
        """Return the stage's context in one delivery."""
        run = LeasedRun(self.store, self.artifacts, self.claimed.lease, self.clock)
        dollars = to_micro_usd(self.limits.max_cost_usd)
        ledger = Ledger(run, MoneyCaps(run=dollars, repository_day=10**9, day=10**9))
        stopwatch = Stopwatch(used=0.0, limit=self.limits.max_minutes * 60)
        return RunContext(
            run,
            self.job,
            stage=stage,
            rounds=rounds,
            budget=Budget(self.limits, ledger, stopwatch),
            local=LocalResources(workspace or self.workspace, self.held),
            observers=Observers(self._report, NoTracer()),
        )

    def _report(self, kind: Literal["note", "status"], text: str) -> None:
        reports = self.reports if kind == "note" else self.statuses
        reports.append(text)


class Fetched(BaseModel):
    title: str

    def facts(self) -> Facts:
        return Facts(base_sha="b" * 40)


class Prepared(BaseModel):
    note: str


class Proposed(BaseModel):
    text: str

    def facts(self) -> Facts:
        return Facts(artifacts={"patch": f"patches/{self.text[:20]}"})


Answer = BaseModel | Back | Stop
Does = Callable[[RunContext], Answer | Awaitable[Answer]]


@dataclass
class Log:
    """The calls of all stages, in order."""

    ran: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    feedback: list[tuple[str, str | None]] = field(default_factory=list)
    """(stage, run.feedback) of each call."""


class _ScriptedStage:
    """A stage that answers with the next of ``does``, repeating the last one."""

    def __init__(self, log: Log, name: str, *does: Does):
        self.name = name
        self.log = log
        self.does = list(does)

    async def answer(self, run: RunContext) -> Answer:
        self.log.ran.append(self.name)
        self.log.feedback.append((self.name, run.feedback))
        does = self.does.pop(0) if len(self.does) > 1 else self.does[0]
        answer = does(run)
        return answer if isinstance(answer, (BaseModel, Back, Stop)) else await answer


class Fetch(_ScriptedStage):
    async def run(self, run: RunContext) -> Fetched | Stop:
        return await self.answer(run)  # type: ignore[return-value]


class Prepare(_ScriptedStage):
    """A stage with local state: a file in the workspace."""

    async def run(self, fetched: Fetched, run: RunContext) -> Prepared | Stop:
        (run.workspace / "ready").write_text(fetched.title)
        return await self.answer(run)  # type: ignore[return-value]

    async def restore(self, result: Prepared, run: RunContext) -> None:
        assert not (run.workspace / "ready").exists()
        (run.workspace / "ready").write_text(result.note)
        self.log.restored.append(self.name)


class Propose(_ScriptedStage):
    async def run(
        self, fetched: Fetched, prepared: Prepared, run: RunContext
    ) -> Proposed | Back | Stop:
        assert (run.workspace / "ready").exists()
        return await self.answer(run)  # type: ignore[return-value]


class Close(_ScriptedStage):
    def effect_facts(self, effects: Sequence[Effect]) -> Facts:
        facts = Facts()
        for effect in effects:
            links = effect.result or {}
            later = Facts(
                branch=effect.intention.get("branch"), pull_request_number=links.get("number")
            )
            facts = facts.merged(later)
        return facts

    async def run(self, proposed: Proposed, run: RunContext) -> Stop:
        assert (run.workspace / "ready").exists()
        answer = await self.answer(run)
        assert isinstance(answer, Stop)
        return answer


async def never(run: RunContext) -> Answer:
    """Hang: only a time limit or a cancellation ends the stage."""
    await asyncio.Event().wait()
    raise AssertionError


def raises(error: Exception) -> Does:
    def does(run: RunContext) -> Answer:
        raise error

    return does


class Bench:
    """An engine with the stages fetch, prepare, propose and close, a real store and real artifacts.

    ``does`` sets a stage's answers; a run is admitted after prepare.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: EffectiveLimits | None = None,
        topic: str | None = TOPIC,
        tracer: Tracer | None = None,
    ):
        self.folder = folder
        self.clock = Clock()
        self.log = Log()
        self.store = SqliteStore(folder / "store.sqlite", clock=self.clock)
        self.artifacts = FolderArtifacts(folder / "artifacts")
        self.policy = Policy(limits or EffectiveLimits(1.0, 30.0, 3), 5.0, 10.0, topic)
        self.progress: list[Progress] = []
        self.make_page: MakePage | None = None
        self.progress_comment: ProgressComment | None = None
        """Both are for machines that are made after it is set."""
        self.tracer = tracer or NoTracer()
        self.stages = {
            "fetch": Fetch(self.log, "fetch", lambda run: Fetched(title="a title")),
            "prepare": Prepare(self.log, "prepare", lambda run: Prepared(note="a note")),
            "propose": Propose(
                self.log, "propose", lambda run: Proposed(text=f"patch-{run.round}")
            ),
            "close": Close(
                self.log, "close", lambda run: Stop(Outcome.PR_OPENED, "pull request #1")
            ),
        }
        self.engine = self.machine("one")

    def machine(self, name: str) -> Engine:
        """Return an engine on a separate machine, which shares only the store and the artifacts."""
        stages: list[Any] = list(self.stages.values())
        pipeline = Pipeline(stages, admitted_after="prepare")
        return Engine(
            EngineDeps(
                pipelines={FIX_ISSUE: pipeline},
                store=self.store,
                artifacts=self.artifacts,
                policy=self.policy,
                workspaces=self.folder / name,
                observer=self.progress.append,
                clock=self.clock,
                make_page=self.make_page,
                progress_comment=self.progress_comment,
                tracer=self.tracer,
            )
        )

    def does(self, stage: str, *does: Does) -> None:
        self.stages[stage].does = list(does)

    def claim(self, requested: Job | None = None, *, redrive_of: int | None = None) -> Claimed:
        return claim(self.store, requested, redrive_of=redrive_of)

    def stored_run(self) -> RunRow:
        """Return the newest run of the usual job."""
        run = self.store.run(job().id)
        assert run is not None
        return run

    def published(self) -> list[Event]:
        return [Event.model_validate_json(row.body) for row in self.store.pending_events(100)]


@dataclass
class FixedTemplates:
    """The same template set for all runs."""

    templates: TemplateSet = field(default_factory=TemplateSet.load)

    async def of(self, run: RunContext) -> TemplateSet:
        return self.templates
