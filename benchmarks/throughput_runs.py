"""One run of the throughput benchmark, in a separate process: ``python -m
benchmarks.throughput_runs MODE SETTING``.

It prints "ready", works until it reads a line, and then prints the resources it used as JSON.
MODE is one of benchmarks.throughput.MODES; SETTING is JSON.
"""

import asyncio
import logging
import os
import resource
import sys
import threading
from collections.abc import Sequence
from contextlib import nullcontext

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.throughput_bare import LOOPS
from benchmarks.throughput_setting import POLL, VISIBILITY, Setting, Used
from pipeline import telemetry
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Engine
from pipeline.job import FIX_ISSUE
from pipeline.outcome import Outcome
from pipeline.policy import Policy
from pipeline.prometheus import PrometheusMetrics
from pipeline.queue import SqsQueue
from pipeline.stage import Pipeline, RunContext, Stop
from pipeline.store.sqlite import SqliteStore
from pipeline.telemetry import Redactor
from pipeline.telemetry.otel import OtelTracer
from pipeline.telemetry.spans import NoTracer, Tracer
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker


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


async def run_timed(mode: str, setting: Setting) -> Used:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait_for_line() -> None:
        sys.stdin.readline()
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_line, daemon=True).start()
    tracer = make_tracer(mode)
    if mode in LOOPS:
        work = LOOPS[mode](setting).run(stop)
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
