"""The crash benchmark's worker processes, forked from a warm parent process.

The parent reads one JSON object per line: a setting, answered with the new worker's process id, or
``{"end": id, "signal": n}``, answered with the worker's exit code. When its input ends, it kills
the remaining workers.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
from pydantic import BaseModel

from pipeline import errors, telemetry
from pipeline.aws import async_session, session
from pipeline.engine.engine import Engine
from pipeline.policy import Policy
from pipeline.queue import SqsQueue, delivery
from pipeline.store.store import RunStore
from pipeline.worker.options import WorkerOptions, WorkerTools
from pipeline.worker.outbox import Publisher
from pipeline.worker.worker import Worker


class Setting(BaseModel):
    """A worker's configuration. Times are in seconds.

    ``shared`` contains the store and the artifacts; ``data`` is only for this worker.
    """

    environment: dict[str, str]
    queue_url: str
    topic_arn: str
    world: str
    shared: Path
    data: Path
    concurrency: int
    visibility: int
    longest: float
    """The worker's ``MAX_VISIBILITY``: SQS's 12 hours, scaled down."""
    poll: int


SettingT = TypeVar("SettingT", bound=Setting)
#: Runs a worker until SIGTERM.
Work = Callable[[SettingT], Coroutine[Any, Any, None]]


async def run_worker(setting: Setting, store: RunStore, engine: Engine, policy: Policy) -> None:
    """Run a worker until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    delivery.MAX_VISIBILITY = setting.longest
    # Runs wait for others as long as leases last, not for minutes.
    errors.FIRST_WAIT = 0.5
    errors.LONGEST_WAIT = 2.0
    queue = SqsQueue(setting.queue_url, visibility_timeout=setting.visibility)
    async with queue, Publisher(store, policy.topic_of, interval=0.5) as publisher:
        options = WorkerOptions(
            setting.concurrency,
            setting.visibility,
            setting.data,
            heartbeat_seconds=setting.visibility / 4,
            poll_seconds=setting.poll,
            max_crashes=10**9,
        )
        worker = Worker(WorkerTools(queue, store, engine, publisher), options)
        await worker.run(stop)
    store.close()


def fork_workers(kind: type[SettingT], work: Work[SettingT]) -> None:
    """Be the parent process: fork and end workers until the input ends."""
    _warm()
    children: set[int] = set()
    print("ready", flush=True)
    try:
        for line in sys.stdin:
            request = json.loads(line)
            if "end" in request:
                print(_end(request["end"], children, request["signal"]), flush=True)
                continue
            child = os.fork()
            if child == 0:
                _run_child(kind.model_validate(request), work)
            children.add(child)
            print(child, flush=True)
    finally:
        for child in list(children):
            _end(child, children, signal.SIGKILL)


def _warm() -> None:
    """Load the AWS libraries' data and what is imported late: a worker must start within 0.1 s."""
    access = {
        "region_name": "eu-central-1",
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
    }
    session().client("sqs", **access)

    async def open_clients() -> None:
        await anyio.lowlevel.checkpoint()  # anyio imports its backend when it is first used
        for service in ("sqs", "sns"):
            async with async_session().client(service, **access):
                pass

    asyncio.run(open_clients())


def _end(child: int, children: set[int], number: int) -> int:
    """End a worker; return the negative signal, or its exit status if it had ended by itself."""
    children.remove(child)
    os.kill(child, number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run_child(setting: SettingT, work: Work[SettingT]) -> None:
    """Run a worker in the forked child. It never returns."""
    status = 1
    try:
        os.environ |= setting.environment
        with (setting.shared / f"{setting.data.name}.log").open("a") as log:
            telemetry.configure(stream=log)
            asyncio.run(work(setting))
        status = 0
    except BaseException:
        logging.getLogger("worker").exception("a worker died by itself")
    finally:
        os._exit(status)
