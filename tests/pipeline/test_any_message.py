"""Whatever stands in a message, it is a job, waits for a newer worker, ends as rejected, or is
unreadable; each with a reason that every store, topic and log can take.
"""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps
from pipeline.engine.engine import Engine
from pipeline.job import ADDRESS_REVIEW, FIX_ISSUE, NewerSchema, UnreadableMessage
from pipeline.message_text import REFUSED_CHARACTERS
from pipeline.outcome import Outcome
from pipeline.policy import Policy
from pipeline.stage import Pipeline, RunContext, Stop
from pipeline.store.contract import Claimed, ClaimedInvalid, Submission
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.odd_messages import bodies


class Nothing:
    name = "checkout"

    async def run(self, run: RunContext) -> Stop:
        return Stop(Outcome.NO_FIX, "there was nothing to do")


class Processor:
    """What a worker does with a message, without the queue."""

    def __init__(self, folder: Path):
        self.store = SqliteStore(folder / "store.sqlite")
        policy = Policy(EffectiveLimits(1.0, 30.0, 3), 100.0, 100.0, "arn:aws:sns:x:1:y")
        pipeline = Pipeline([Nothing()], admitted_after="checkout")
        deps = EngineDeps(
            {FIX_ISSUE: pipeline, ADDRESS_REVIEW: pipeline},
            self.store,
            FolderArtifacts(folder / "artifacts"),
            policy,
            folder / "runs",
            lambda _: None,
        )
        self._engine = Engine(deps)

    def process(self, body: str) -> str:
        """Return the reason with which the message is buried or deferred, or that of its run."""
        try:
            submission = Submission.read(body)
        except (UnreadableMessage, NewerSchema) as error:
            return str(error)
        claim = self.store.claim(submission, lease_seconds=60)
        if isinstance(claim, ClaimedInvalid):
            result = asyncio.run(self._engine.reject(claim))
            assert result.outcome is Outcome.REJECTED
            return result.reason
        if isinstance(claim, Claimed):
            asyncio.run(self._engine.execute(claim))
        return "done"


@settings(deadline=None, max_examples=150)
@given(body=bodies())
def test_no_message_makes_the_worker_fail(body: str):
    with tempfile.TemporaryDirectory() as folder:
        processor = Processor(Path(folder))
        reason = processor.process(body)
        assert len(reason.encode()) < 10_000
        for event in processor.store.pending_events():
            assert not REFUSED_CHARACTERS.search(event.body)
            for value in event.attributes.values():
                assert not REFUSED_CHARACTERS.search(value)
        processor.store.close()
