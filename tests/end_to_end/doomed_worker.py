"""A worker that may kill itself: otherwise it is what ``coding-agent worker`` runs.

The tests fork their workers from a process that has already imported all this, since the imports
take longer than most of the runs.
"""

import asyncio
import logging
import os
import signal
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# What a worker imports only when it starts.
import aioboto3  # noqa: F401
import boto3  # noqa: F401

import pipeline.api.app
import pipeline.api.server
import pipeline.github.rest
import pipeline.worker.worker
from cli import backends, serving, wiring  # noqa: F401
from cli import worker as command
from pipeline import settings, telemetry
from pipeline.job import FIX_ISSUE
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile
from pipeline.model.worst_case import WorstCase
from pipeline.stage import Stop
from tests.end_to_end.process_record import record_processes


@dataclass(frozen=True)
class Orders:
    """How a worker is run, and how it dies.

    ``death`` is a stage and a moment: ``begins`` (the stage is about to work) or ``ends`` (its work
    is done, and nothing of it is stored yet). Each reply bought from the model leaves a line in the
    file ``bought``, and each process that is started one in ``processes``.
    """

    environment: dict[str, str]
    log: Path
    bought: Path
    processes: Path
    log_level: str
    death: tuple[str, ...]
    listening: Connection
    """Gets the address (host, port) of the worker's HTTP intake once it listens."""


class AddressReporter(logging.Handler):
    """Reports where the intake listens."""

    def __init__(self, listening: Connection):
        super().__init__()
        self._listening = listening

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg.startswith("listening on"):
            self._listening.send(record.args)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class CountingClient:
    """A model client that counts the replies bought from it."""

    def __init__(self, inner: Any, file: Path):
        self._inner = inner
        self._file = file

    def profile(self, model: str) -> ModelProfile:
        profile: ModelProfile = self._inner.profile(model)
        return profile

    def worst_case(self, request: ModelRequest) -> WorstCase:
        worst: WorstCase = self._inner.worst_case(request)
        return worst

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        self._inner.record_usage(request, reply)

    async def complete(self, request: ModelRequest) -> ModelReply:
        with self._file.open("a") as file:
            file.write("bought\n")
        reply: ModelReply = await self._inner.complete(request)
        return reply


def doom(stage: Any, moment: str) -> None:
    """Make the stage kill the worker before its work, or after it but before it is stored."""
    run = stage.run

    async def run_and_die(**needs: Any) -> Any:
        if moment == "begins":
            die()
        result = await run(**needs)
        if not isinstance(result, Stop) or result.facts.branch:
            die()
        return result

    stage.run = run_and_die


def run(orders: Orders) -> None:
    """Run the worker in this process, a forked one."""
    os.environ.clear()
    os.environ.update(orders.environment)
    with orders.log.open("wb") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    record_processes(orders.processes)
    chosen = settings.load({})
    telemetry.configure(level=orders.log_level)
    logging.getLogger(pipeline.api.server.__name__).addHandler(AddressReporter(orders.listening))
    build = wiring.build

    def build_doomed(*args: Any, **kwargs: Any) -> wiring.App:
        _, client = backends.model_client(chosen)
        app = build(*args, **kwargs, model=CountingClient(client, orders.bought))
        if orders.death:
            stage, moment = orders.death
            (step,) = [step for step in app.pipelines[FIX_ISSUE].steps if step.name == stage]
            doom(step.stage, moment)
        return app

    wiring.build = build_doomed
    asyncio.run(command.serve(chosen))
