"""One run of the throughput benchmark, in a separate process: ``python -m
benchmarks.throughput_runs MODE SETTING``.

It prints "ready", works until it reads a line, and then prints the resources it used as JSON.
MODE is one of benchmarks.throughput.MODES; SETTING is JSON.
"""

import asyncio
import functools
import logging
import os
import resource
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

from pipeline import telemetry
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.aws import open_client
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Engine
from pipeline.job import FIX_ISSUE, parse_job
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.policy import Policy
from pipeline.prometheus import PrometheusMetrics
from pipeline.queue import BATCH, SqsQueue
from pipeline.stage import Pipeline, RunContext, Stop
from pipeline.store.contract import Claimed, Submission
from pipeline.store.sqlite import SqliteStore
from pipeline.telemetry import Redactor
from pipeline.telemetry.otel import OtelTracer
from pipeline.telemetry.spans import NoTracer, Tracer
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker

#: Seconds; nothing here takes long enough to need a heartbeat.
VISIBILITY = 120
POLL = 2


class Setting(BaseModel):
    environment: dict[str, str]
    queue_url: str
    topic_arn: str
    folder: Path
    concurrency: int


class Used(BaseModel):
    """The resources that a run used."""

    cpu: float
    """Seconds of CPU time."""


class Nothing:
    name = "nothing"

    async def run(self, run: RunContext) -> Stop:
        return Stop(Outcome.NO_FIX, "there was nothing to do")


class EncodingExporter(SpanExporter):
    """Makes the bytes that a collector would get, and sends them nowhere."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


def make_tracer(mode: str) -> OtelTracer | None:
    if mode == "worker with spans":
        return OtelTracer(BatchSpanProcessor(InMemorySpanExporter()), Redactor([]))
    if mode == "worker with OTLP":
        return OtelTracer(BatchSpanProcessor(EncodingExporter()), Redactor([]))
    return None


async def run_worker(setting: Setting, stop: asyncio.Event, tracer: Tracer) -> None:
    log = logging.getLogger("coding_agent.run")

    def observe(progress: Progress) -> None:
        """Log the progress as ``coding-agent worker`` does."""
        if not log.isEnabledFor(logging.INFO):
            return
        with telemetry.bound(
            job_id=progress.job_id,
            generation=progress.generation,
            stage=progress.stage,
            kind=progress.kind,
            seconds=progress.seconds,
        ):
            log.info("%s %s %s", progress.stage or "run", progress.kind, progress.detail[:500])

    store = SqliteStore(setting.folder / "store.sqlite")
    policy = Policy(EffectiveLimits(1.0, 30.0, 3), 100.0, 100.0, setting.topic_arn)
    deps = EngineDeps(
        {FIX_ISSUE: Pipeline([Nothing()], admitted_after="nothing")},
        store,
        FolderArtifacts(setting.folder / "artifacts"),
        policy,
        setting.folder / "runs",
        observe,
        tracer=tracer,
    )
    queue = SqsQueue(setting.queue_url, visibility_timeout=VISIBILITY)
    async with queue, Publisher(store, policy.topic_of) as publisher:
        options = WorkerOptions(setting.concurrency, VISIBILITY, setting.folder, poll_seconds=POLL)
        worker = Worker(WorkerTools(queue, store, Engine(deps), publisher), options)
        await worker.run(stop)
    store.close()


class BareLoop:
    """Only the same calls and commits: the least that a worker on these libraries must do."""

    def __init__(self, setting: Setting):
        self._setting = setting
        self._store = SqliteStore(setting.folder / "store.sqlite")
        self._writer = ThreadPoolExecutor(1)

    async def run(self, stop: asyncio.Event) -> None:
        async with open_client("sqs") as sqs, open_client("sns") as sns:
            count = max(self._setting.concurrency // BATCH, 1)
            loops = [self._loop(sqs, sns, stop) for _ in range(count)]
            await asyncio.gather(*loops)
        self._store.close()

    async def _loop(self, sqs: Any, sns: Any, stop: asyncio.Event) -> None:
        url = self._setting.queue_url
        while not stop.is_set():
            response = await sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=POLL,
                VisibilityTimeout=VISIBILITY,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
                MessageAttributeNames=["All"],
            )
            messages = response.get("Messages", [])
            if not messages:
                continue
            await asyncio.gather(*[self._run_job(sns, message["Body"]) for message in messages])
            entries = []
            for number, message in enumerate(messages):
                entries.append({"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]})
            await sqs.delete_message_batch(QueueUrl=url, Entries=entries)

    async def _run_job(self, sns: Any, body: str) -> None:
        write = functools.partial(asyncio.get_running_loop().run_in_executor, self._writer)
        claimed = await write(self._claim, body)
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
        topic_arn = self._setting.topic_arn
        await write(self._store.finish, claimed.lease, result, event, topic_arn)
        attributes = {}
        for name, value in event.attributes.items():
            attributes[name] = {"DataType": "String", "StringValue": value}
        await sns.publish(
            TopicArn=topic_arn, Message=event.model_dump_json(), MessageAttributes=attributes
        )
        await write(self._store.mark_published, event.id)

    def _claim(self, body: str) -> Claimed:
        submission = Submission.of(parse_job(body))
        claim = self._store.claim(submission, lease_seconds=VISIBILITY)
        assert isinstance(claim, Claimed)
        return claim


async def run_timed(mode: str, setting: Setting) -> Used:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_line() -> None:
        sys.stdin.readline()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_line, daemon=True).start()
    tracer = make_tracer(mode)
    if mode == "bare":
        work = BareLoop(setting).run(stop)
    else:
        work = run_worker(setting, stop, tracer or NoTracer())
    before = cpu_seconds()
    print("ready", flush=True)
    await work
    if tracer is not None:
        tracer.close()
    return Used(cpu=cpu_seconds() - before)


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    mode, setting_json = sys.argv[1:]
    setting = Setting.model_validate_json(setting_json)
    os.environ |= setting.environment
    with (setting.folder / "log").open("w") as log:
        level = "INFO" if mode.startswith("worker with") else "ERROR"
        telemetry.configure(stream=log, level=level)
        figures = PrometheusMetrics() if mode == "worker with OTLP" else nullcontext()
        with figures:
            used = asyncio.run(run_timed(mode, setting))
    print(used.model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
