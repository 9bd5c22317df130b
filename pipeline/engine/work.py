"""One delivery's work on a run: pass over the stages, round after round, until one of them stops
it.
"""

import asyncio
import hashlib
import logging
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pipeline.artifacts import Artifacts
from pipeline.engine import checkpoints
from pipeline.errors import describe
from pipeline.model.ledger import Ledger
from pipeline.outcome import Event, Facts, Outcome, RunStarted
from pipeline.policy import Policy
from pipeline.stage import Back, Pipeline, PipelineError, Restorable, RunContext, Step, Stop
from pipeline.store.contract import Checkpoint, Claimed, Lease, Round, RunRow, RunStore

log = logging.getLogger(__name__)

#: Rounds in a row that may end the same way. Who proposes knows of the second, and goes about it
#: differently.
SAME_ENDS = 3
CANCELLED = Stop(Outcome.CANCELLED, "cancelled on request")


@dataclass(frozen=True)
class Progress:
    """What an observer is told. ``kind``: of a stage started, restored, finished, back, note; of
    the run ended.
    """

    kind: str
    job_id: str
    generation: int
    round: int
    stage: str
    seconds: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class Parts:
    """What an engine is made of."""

    pipeline: Pipeline
    store: RunStore
    artifacts: Artifacts
    policy: Policy
    workspaces: Path
    """Folder with one folder a run; what is in it may be gone at the next delivery."""
    observer: Callable[[Progress], None] = lambda _: None
    clock: Callable[[], float] = time.time

    def workspace(self, lease: Lease) -> Path:
        name = hashlib.sha256(lease.job_id.encode()).hexdigest()[:16]
        return self.workspaces / f"{name}-{lease.generation}"

    def now(self) -> str:
        return (
            datetime.fromtimestamp(self.clock(), UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )

    def acted(self, lease: Lease) -> bool:
        """The run has had an effect, or was about to: too late to cancel, since the outcome could
        deny it.
        """
        return any(
            effect.generation == lease.generation for effect in self.store.effects(lease.job_id)
        )

    def facts(self, row: RunRow) -> Facts:
        """What every stage's stored result told, the later ones winning."""
        facts = Facts()
        kinds = {step.name: step.gives for step in self.pipeline.steps}
        rounds = {
            opened.number: Back(opened.to, opened.because, opened.note).facts
            for opened in self.store.rounds(row.key)
        }
        for checkpoint in self.store.checkpoints(row.key):
            for number in [number for number in rounds if number <= checkpoint.round]:
                facts = facts.merged(rounds.pop(number))
            kind = kinds.get(checkpoint.stage)
            if kind is None or not hasattr(kind, "facts"):
                continue
            try:
                result = checkpoints.read(self.artifacts, checkpoint, kind)
            except (ValidationError, FileNotFoundError) as error:
                # A run whose results can't be read must still be able to end, as failed.
                log.warning("the result of %s can't be read: %s", checkpoint.stage, describe(error))
                continue
            facts = facts.merged(result.facts())
        for last in rounds.values():
            facts = facts.merged(last)
        return facts


class Work:
    """One delivery's work on a run: the loop over stages and rounds."""

    def __init__(self, parts: Parts, claimed: Claimed):
        self._parts = parts
        self._job = claimed.job
        self._lease = claimed.lease
        self._row = claimed.run
        self._pipeline = parts.pipeline
        self._store = parts.store
        self._artifacts = parts.artifacts
        self._limits = parts.policy.limits_of(claimed.job)
        self._round = claimed.run.round
        self._used = claimed.run.seconds
        self._since = time.monotonic()
        self._local: set[str] = set()
        """Stages whose local state is on this machine."""
        self._ledger = Ledger(
            self._store,
            self._artifacts,
            self._lease,
            parts.policy.caps_of(self._limits),
            parts.clock,
        )

    @property
    def elapsed(self) -> float:
        """Seconds of work since the last that was stored."""
        return time.monotonic() - self._since

    async def until_stop(self) -> Stop:
        begun = await asyncio.to_thread(self._begin)
        if self._row.cancel_requested and not await asyncio.to_thread(
            self._parts.acted, self._lease
        ):
            return CANCELLED
        # What the deployment says of the job, once: a run that has begun is not rejected by a
        # setting's change.
        if not begun and (
            refusal := await asyncio.to_thread(self._parts.policy.allowed.refusal, self._job)
        ):
            return Stop(Outcome.REJECTED, refusal)
        if stop := await self._inherit():
            return stop
        while True:
            answer = await self._one_round()
            if isinstance(answer, Stop):
                return answer
            if self._round >= self._limits.max_rounds:
                rounds = f"{self._round} round{'s' * (self._round != 1)}"
                reason = f"no fix in {rounds}; the last: {first_line(answer.because)}"
                return Stop(Outcome.NO_FIX, reason, answer.facts)
            if await asyncio.to_thread(self._stuck, answer):
                reason = (
                    f"stuck: {SAME_ENDS} rounds ended the same way; the last:"
                    f" {first_line(answer.because)}"
                )
                return Stop(Outcome.NO_FIX, reason, answer.facts)
            self._round += 1
            opened = Round(self._round, answer.to, storable(answer.because), answer.note)
            await asyncio.to_thread(self._store.open_round, self._lease, opened, self.lap())

    def _stuck(self, answer: Back) -> bool:
        """As many rounds in a row ended with the same words, this one counted."""
        earlier = [opened.because for opened in self._store.rounds(self._lease.key)]
        last = [*earlier, storable(answer.because)][-SAME_ENDS:]
        return len(last) == SAME_ENDS and len(set(last)) == 1

    def _begin(self) -> bool:
        """An empty workspace. True: an earlier delivery left results."""
        workspace = self._parts.workspace(self._lease)
        shutil.rmtree(workspace, ignore_errors=True)
        workspace.mkdir(mode=0o700, parents=True, exist_ok=True)  # runs beside it are strangers
        return bool(self._store.checkpoints(self._lease.key))

    async def _inherit(self) -> Stop | None:
        from_stage = self._job.replay.from_stage if self._job.replay else None
        if from_stage is None or self._lease.generation == 0:
            return None
        if from_stage not in self._pipeline.names:
            names = ", ".join(self._pipeline.names)
            return Stop(
                Outcome.REJECTED, f"replay.from_stage: no stage {from_stage!r}; there are {names}"
            )
        await asyncio.to_thread(
            checkpoints.inherit,
            self._pipeline,
            self._store,
            self._artifacts,
            self._lease,
            from_stage,
            self._parts.clock(),
        )
        return None

    async def _one_round(self) -> Stop | Back:
        """Pass once over the stages: restore what has a standing result, run the rest."""
        rounds, stored = await asyncio.to_thread(self._history)
        kept = checkpoints.standing(self._pipeline, stored, rounds)
        given: dict[type[BaseModel], BaseModel] = {}
        for step in self._pipeline.steps:
            needs = {parameter: given[kind] for parameter, kind in step.needs.items()}
            run = self._context(step.name, rounds)
            if step.gives is not None and step.name in kept:
                result = await asyncio.to_thread(
                    checkpoints.read, self._artifacts, kept[step.name], step.gives
                )
                await self._restore(step, result, run)
            else:
                self._tell("started", step.name)
                answer = await self._timed(step, step.stage.run(**needs, run=run))
                if isinstance(answer, Stop):
                    self._tell("finished", step.name, self.elapsed, answer.outcome.value)
                    return answer
                if isinstance(answer, Back):
                    if answer.to not in self._pipeline.names[: self._pipeline.index(step.name) + 1]:
                        raise PipelineError(
                            f"stage {step.name!r} went back to {answer.to!r}, which is not"
                            " before it"
                        )
                    self._tell("back", step.name, self.elapsed, answer.because)
                    return answer
                result = answer
                seconds = self.lap()
                cancelled = await asyncio.to_thread(
                    checkpoints.write,
                    self._store,
                    self._artifacts,
                    self._lease,
                    result,
                    round=self._round,
                    stage=step.name,
                    seconds=seconds,
                    now=self._parts.clock(),
                )
                self._tell("finished", step.name, seconds)
                self._local.add(step.name)
                if cancelled:
                    return CANCELLED
            assert step.gives is not None  # noqa: S101 (Pipeline checks that only the last stage gives nothing)
            given[step.gives] = result
            if step.name == self._pipeline.admitted_after:
                await self._announce()
        raise AssertionError("the last stage returned no Stop")

    def _history(self) -> tuple[list[Round], list[Checkpoint]]:
        key = self._lease.key
        return self._store.rounds(key), self._store.checkpoints(key)

    async def _timed(self, step: Step, work: Any) -> Any:
        """Run a stage within the run's minutes. The last one has effects: it is never cut short by
        the clock.
        """
        if step.gives is None:
            return await work
        scope = asyncio.timeout(self._left())
        try:
            async with scope:
                return await work
        except TimeoutError:
            if not scope.expired():
                raise
            return Stop(
                Outcome.BUDGET_EXHAUSTED,
                f"{self._limits.max_minutes:g} minutes are used up, in {step.name}",
            )

    async def _restore(self, step: Step, result: BaseModel, run: RunContext) -> None:
        if step.name in self._local or not isinstance(step.stage, Restorable):
            return
        started = time.monotonic()
        await step.stage.restore(result, run)
        self._local.add(step.name)
        self._since = (
            time.monotonic()
        )  # what an interruption made us do again is not the run's time
        self._tell("restored", step.name, self._since - started)

    async def _announce(self) -> None:
        """Once a run can't be rejected any more; again on each delivery, since the last may have
        died before it.
        """
        facts = await asyncio.to_thread(self._parts.facts, self._row)
        data = RunStarted(
            job_id=self._lease.job_id,
            generation=self._lease.generation,
            issue_url=self._row.issue_url,
            repository=self._row.repository,
            base_sha=facts.base_sha,
            metadata=self._job.metadata,
            trace=self._lease.key.trace,
        )
        topic = self._parts.policy.topic_of(self._job)
        await asyncio.to_thread(
            self._store.announce, self._lease, Event.about(data, self._parts.now()), topic
        )

    def _context(self, stage: str, rounds: list[Round]) -> RunContext:
        lease = self._lease
        store = self._store
        artifacts = self._artifacts

        async def save(name: str, data: bytes | str) -> str:
            body = data.encode(errors="replace") if isinstance(data, str) else data
            unique = checkpoints.fingerprint(body)
            key = f"{lease.key.prefix}/{self._round}/{stage}/{unique}-{name}"
            await asyncio.to_thread(artifacts.put, key, body)
            return key

        async def load(key: str) -> bytes:
            return await asyncio.to_thread(artifacts.get, key)

        async def once(name: str, make: Callable[[], Awaitable[str]]) -> str:
            key = f"{lease.key.prefix}/once/{name}"
            try:
                return (await load(key)).decode()
            except FileNotFoundError:
                made = storable(await make())
            await asyncio.to_thread(artifacts.put, key, made.encode())
            return made

        async def intend(name: str, body: dict[str, Any]) -> dict[str, Any]:
            return await asyncio.to_thread(store.intend, lease, name, body)

        async def record(name: str, result: dict[str, Any]) -> None:
            await asyncio.to_thread(store.record, lease, name, result)

        async def keep(name: str, choose: Callable[[], str]) -> str:
            return await asyncio.to_thread(
                checkpoints.keep, store, lease, name, choose, self._parts.clock()
            )

        async def past(name: str) -> list[dict[str, Any]]:
            effects = await asyncio.to_thread(store.effects, lease.job_id)
            return [effect.intention for effect in effects if effect.name == name]

        return RunContext(
            job=self._job,
            job_id=lease.job_id,
            generation=lease.generation,
            round=self._round,
            stage=stage,
            rounds=tuple(rounds),
            feedback=rounds[-1].because if rounds else None,
            limits=self._limits,
            workspace=self._parts.workspace(lease),
            save=save,
            load=load,
            intend=intend,
            record=record,
            keep=keep,
            past=past,
            progress=lambda text: self._tell("note", stage, 0.0, text),
            ledger=self._ledger,
            once=once,
            seconds_left=self._left,
        )

    def _left(self) -> float:
        return max(self._limits.max_minutes * 60 - self._used - self.elapsed, 0.0)

    def lap(self) -> float:
        """Seconds since the last lap; they are the run's as soon as the caller has stored them."""
        seconds = self.elapsed
        self._since = time.monotonic()
        self._used += seconds
        return seconds

    def _tell(self, kind: str, stage: str, seconds: float = 0.0, detail: str = "") -> None:
        told = Progress(kind, self._lease.job_id, self._lease.generation, self._round, stage)
        self._parts.observer(replace(told, seconds=seconds, detail=detail))


def first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:300]


def storable(text: str) -> str:
    """Without the half characters that neither a store nor JSON takes."""
    return text.encode(errors="replace").decode()
