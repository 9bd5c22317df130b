"""A run whose stored results, calls and end a test writes itself, without stages and models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.clock import budget_day, iso_time
from pipeline.job import FixIssueJob
from pipeline.leased_run import REMEMBERED, fingerprint
from pipeline.model import Message, ModelReply, ModelRequest
from pipeline.model.recording import RecordedExchange
from pipeline.money import to_micro_usd
from pipeline.outcome import Event, Facts, Outcome, RunResult
from pipeline.store.contract import (
    CallRequest,
    Checkpoint,
    Claimed,
    MoneyCaps,
    Round,
    RunRow,
)
from pipeline.store.sqlite import SqliteStore
from pipeline.store.store import RunStore
from stages.propose_patch.agent.steps import StepRecord
from tests.stand_ins.runs import LEASE, START, Clock, claim, job

MODEL = "provider/model-1"
_CAPS = MoneyCaps(10**9, 10**9, 10**9)


OpenStore = Callable[[Path, Clock], RunStore]


def open_sqlite(folder: Path, clock: Clock) -> RunStore:
    return SqliteStore(folder / "store.sqlite", clock=clock)


class RecordedRun:
    """A claimed run in a store and an artifact folder of its own.

    Each method takes ``seconds``, which pass on the run's clock before it writes. A stage lasts
    since the one before it, so that it contains the calls and steps in between.
    """

    def __init__(
        self,
        folder: Path,
        requested: FixIssueJob | None = None,
        *,
        began_at: float = START,
        open_store: OpenStore = open_sqlite,
    ):
        self.job = requested or job()
        self.clock = Clock(began_at)
        self.store = open_store(folder, self.clock)
        self.artifacts = FolderArtifacts(folder / "artifacts")
        self.round = 1
        self.seconds = 0.0
        self.cost_usd = 0.0
        self.model: str | None = None
        self.facts = Facts()
        self._claimed = self._claim()
        self._stage_began = self.clock()

    @property
    def row(self) -> RunRow:
        row = self.store.run(self.job.id)
        assert row is not None
        return row

    @property
    def prefix(self) -> str:
        return self._claimed.run.key.prefix

    def _claim(self) -> Claimed:
        return claim(self.store, self.job)

    def wait(self, seconds: float, reason: str) -> None:
        """Put the run back, and deliver it again after ``seconds``."""
        self.store.count_wait(self._claimed.lease, reason)
        self.store.release(self._claimed.lease)
        self.clock.now += seconds
        self._claimed = self._claim()
        self._stage_began = self.clock()

    def fail_try(self, error: str, *, seconds: float) -> None:
        self._pass(seconds)
        self.store.count_try(self._claimed.lease, error, self._lap())

    def stage(self, name: str, result: BaseModel, *, seconds: float, **facts: Any) -> None:
        """Store a stage's result in the current round, and its facts."""
        self._pass(seconds)
        body = result.model_dump_json()
        checkpoint = Checkpoint(self.round, name, body, False, self._lap(), self.clock())
        self.store.save_checkpoint(self._claimed.lease, checkpoint)
        self.facts = self.facts.merged(Facts(**facts))

    def artifact(self, stage: str, name: str, text: str) -> str:
        """Store an artifact of a stage, and return its key."""
        data = text.encode()
        key = f"{self.prefix}/{self.round}/{stage}/{fingerprint(data)}-{name}"
        self.artifacts.put(key, data)
        return key

    def call(self, key: str, reply: ModelReply, *, seconds: float) -> None:
        """Buy a reply: ``key`` is the ledger's."""
        lease = self._claimed.lease
        reply_key = f"{self.prefix}/replies/{key.replace('/', '-')}-{{attempt}}.json"
        worst = to_micro_usd(reply.cost_usd * 2 + 0.01)
        request = CallRequest(key, worst, reply.model, reply_key, budget_day(self.clock()))
        reserved = self.store.reserve(lease, request, _CAPS)
        self._pass(seconds)
        self.artifacts.put(reserved.reply_key, reply.model_dump_json().encode())
        self.store.settle(lease, reserved, micro_usd=to_micro_usd(reply.cost_usd))
        self.cost_usd += reply.cost_usd
        self.model = reply.model

    def exchange(self, label: str, prompt: tuple[Message, ...], reply: ModelReply) -> str:
        """Store an exchange as ``stages.propose_patch.model_session`` does; return its key."""
        record = RecordedExchange.of(ModelRequest(model=reply.model, messages=prompt), reply=reply)
        name = f"{label}-exchange.json" if label else "exchange.json"
        return self.artifact("propose_patch", name, record.model_dump_json())

    def step(self, record: StepRecord, *, attempt: int = 1) -> None:
        """Store an agent's step, whose tool calls take ``record.seconds``."""
        self._pass(record.seconds)
        name = f"{REMEMBERED}attempt-{attempt}/step-{record.number:03}"
        checkpoint = Checkpoint(0, name, record.model_dump_json(), False, 0.0, self.clock())
        self.store.save_checkpoint(self._claimed.lease, checkpoint)

    def send_back(self, because: str, note: BaseModel, *, seconds: float) -> None:
        """Open the next round."""
        self._pass(seconds)
        self.round += 1
        opened = Round(self.round, "propose_patch", because, note.model_dump(mode="json"))
        self.store.open_round(self._claimed.lease, opened, self._lap())

    def effect(self, name: str, intention: BaseModel, result: dict[str, Any]) -> None:
        self.store.intend(self._claimed.lease, name, intention.model_dump())
        self.store.record(self._claimed.lease, name, result)

    def finish(self, outcome: Outcome, reason: str, *, seconds: float = 0.0, **facts: Any) -> None:
        """End the run."""
        self._pass(seconds)
        self._lap()
        merged = self.facts.merged(Facts(**facts))
        artifacts = {name: self.artifacts.address(key) for name, key in merged.artifacts.items()}
        row = self.row
        result = RunResult(
            job_id=row.job_id,
            generation=row.generation,
            issue_url=row.issue_url,
            repository=row.repository,
            outcome=outcome,
            reason=reason,
            verification=merged.verification,
            pull_request_url=merged.pull_request_url,
            pull_request_number=merged.pull_request_number,
            branch=merged.branch,
            base_sha=merged.base_sha,
            rounds=self.round,
            cost_usd=self.cost_usd,
            seconds=self.seconds,
            model=self.model,
            strategy=merged.strategy,
            template_set=merged.template_set,
            artifacts=artifacts,
            trace=row.key.trace,
        )
        event = Event.about(result, iso_time(self.clock(), "milliseconds"))
        self.store.finish(self._claimed.lease, result, event, None)

    def _pass(self, seconds: float) -> None:
        self.clock.now += seconds
        self.store.renew(self._claimed.lease, lease_seconds=LEASE)

    def _lap(self) -> float:
        """Return the seconds of the stage that ends, and begin the next one."""
        seconds = self.clock() - self._stage_began
        self._stage_began = self.clock()
        self.seconds += seconds
        return seconds
