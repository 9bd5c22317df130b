"""One run of the throughput benchmark, in a process of its own: ``python -m
benchmarks.throughput_runs MODE SETTING``.

It says "ready", works until a line comes on its input, and then says what it used, as JSON. MODE is
``bare``, ``worker`` or ``worker with logs``; SETTING is JSON."""

import asyncio
import functools
import json
import logging
import os
import resource
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline import telemetry
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.aws import limits
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Engine
from pipeline.job import parse_job
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.policy import Policy
from pipeline.queue import BATCH, SqsQueue
from pipeline.stage import Pipeline, RunContext, Stop
from pipeline.store.contract import Claimed, Submission
from pipeline.store.sqlite import SqliteStore
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker

#: Seconds; nothing here takes so long that it would need a heartbeat.
VISIBILITY = 120
POLL = 2


class Setting(BaseModel):
    environment: dict[str, str]
    queue_url: str
    topic_arn: str
    folder: Path
    concurrency: int


class Nothing:
    name = "nothing"

    async def run(self, run: RunContext) -> Stop:
        return Stop(Outcome.NO_FIX, "there was nothing to do")


async def whole_worker(setting: Setting, stop: asyncio.Event) -> None:
    log = logging.getLogger("coding_agent.run")

    def observe(progress: Progress) -> None:
        """As ``coding-agent worker`` does."""
        if log.isEnabledFor(logging.INFO):
            told: dict[str, Any] = {
                "stage": progress.stage,
                "kind": progress.kind,
                "seconds": progress.seconds,
            }
            with telemetry.bound(job_id=progress.job_id, generation=progress.generation, **told):
                log.info("%s %s %s", progress.stage or "run", progress.kind, progress.detail[:500])

    store = SqliteStore(setting.folder / "store.sqlite")
    policy = Policy(EffectiveLimits(1.0, 30.0, 3), 100.0, 100.0, setting.topic_arn)
    deps = EngineDeps(
        Pipeline([Nothing()], admitted_after="nothing"),
        store,
        FolderArtifacts(setting.folder / "artifacts"),
        policy,
        setting.folder / "runs",
        observe,
    )
    queue = SqsQueue(setting.queue_url, visibility_timeout=VISIBILITY)
    async with queue, Publisher(store, policy.topic_of) as publisher:
        options = WorkerOptions(setting.concurrency, VISIBILITY, poll_seconds=POLL)
        worker = Worker(WorkerTools(queue, store, Engine(deps), publisher), options)
        await worker.run(stop)
    store.close()


class Bare:
    """The same calls and the same commits, and nothing else: what no worker on these libraries can
    do without.
    """

    def __init__(self, setting: Setting):
        self._setting = setting
        self._store = SqliteStore(setting.folder / "store.sqlite")
        self._writer = ThreadPoolExecutor(1)

    async def run(self, stop: asyncio.Event) -> None:
        import aioboto3
        from aiobotocore.config import AioConfig

        session = aioboto3.Session()
        options = AioConfig(**limits())
        async with (
            session.client("sqs", config=options) as sqs,
            session.client("sns", config=options) as sns,
        ):
            loops = max(self._setting.concurrency // BATCH, 1)
            await asyncio.gather(*(self._loop(sqs, sns, stop) for _ in range(loops)))
        self._store.close()

    async def _loop(self, sqs: Any, sns: Any, stop: asyncio.Event) -> None:
        url = self._setting.queue_url
        while not stop.is_set():
            answer = await sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=POLL,
                VisibilityTimeout=VISIBILITY,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            messages = answer.get("Messages", [])
            if not messages:
                continue
            await asyncio.gather(*(self._one(sns, message["Body"]) for message in messages))
            entries = [
                {"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)
            ]
            await sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    async def _one(self, sns: Any, body: str) -> None:
        do = functools.partial(asyncio.get_running_loop().run_in_executor, self._writer)
        claimed = await do(
            lambda: self._store.claim(Submission.of(parse_job(body)), lease_seconds=VISIBILITY)
        )
        assert isinstance(claimed, Claimed)
        run = claimed.run
        result = RunResult(
            job_id=run.job_id,
            generation=run.generation,
            issue_url=run.issue_url,
            repository=run.repository,
            outcome=Outcome.NO_FIX,
            reason="there was nothing to do",
            trace=claimed.lease.key.trace,
        )
        event = Event.about(result, "2026-01-01T00:00:00.000Z")
        topic = self._setting.topic_arn
        await do(self._store.finish, claimed.lease, result, event, topic)
        named = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in event.attributes.items()
        }
        await sns.publish(TopicArn=topic, Message=event.model_dump_json(), MessageAttributes=named)
        await do(self._store.mark_published, event.id)


async def timed(mode: str, setting: Setting) -> dict[str, float]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def await_the_end() -> None:
        sys.stdin.readline()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=await_the_end, daemon=True).start()
    work = Bare(setting).run(stop) if mode == "bare" else whole_worker(setting, stop)
    before = resource.getrusage(resource.RUSAGE_SELF)
    print("ready", flush=True)
    await work
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def main() -> None:
    mode, told = sys.argv[1:]
    setting = Setting.model_validate_json(told)
    os.environ |= setting.environment
    with (setting.folder / "log").open("w") as log:
        telemetry.configure(
            as_json=True, stream=log, level="INFO" if mode == "worker with logs" else "ERROR"
        )
        used = asyncio.run(timed(mode, setting))
    print(json.dumps(used), flush=True)


if __name__ == "__main__":
    main()
