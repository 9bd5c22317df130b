"""A worker that may kill itself: ``python -m tests.end_to_end.doomed_worker BOUGHT [STAGE
MOMENT]``.

Moments: ``begins`` (the stage is about to work), ``ends`` (its work is done, and nothing of it is
stored yet). Each reply bought from the model leaves a line in the file BOUGHT. Everything else is
what ``coding-agent worker`` runs.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from cli import backends, wiring
from cli import worker as command
from pipeline import settings, telemetry
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile
from pipeline.model.worst_case import WorstCase
from pipeline.stage import Stop


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


def main() -> None:
    bought, *death = sys.argv[1:]
    chosen = settings.load({})
    telemetry.configure(as_json=True)
    build = wiring.build

    def build_doomed(*args: Any, **kwargs: Any) -> wiring.App:
        _, client = backends.model_client(chosen)
        app = build(*args, **kwargs, model=CountingClient(client, Path(bought)))
        if death:
            (step,) = [step for step in app.pipeline.steps if step.name == death[0]]
            doom(step.stage, death[1])
        return app

    wiring.build = build_doomed
    asyncio.run(command.serve(chosen))


if __name__ == "__main__":
    main()
