"""Ends of commands that serve for ever or wait for others, and stand-ins for what they start."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from cli import serving
from pipeline.api import server
from pipeline.job import parse_job
from pipeline.outcome import Event, Outcome, RunResult
from pipeline.queue import Delivery, SqsQueue
from pipeline.store.contract import Claimed, Submission
from pipeline.store.sqlite import SqliteStore
from sandbox import Sandbox
from sandbox.choose import choose_sandbox
from tests.cli.prepared_world import World
from tests.stand_ins.runs import LEASE, result_of

_SECONDS = 20


def inject_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command end, as it does where a user ends it."""
    monkeypatch.setattr("cli.serving.serve", _stopped(serving.serve))
    monkeypatch.setattr(SqsQueue, "receive", _without_long_poll(SqsQueue.receive))
    monkeypatch.setattr("pipeline.api.server.serve", _stopped(server.serve))
    monkeypatch.setattr("sandbox.uid.helper.serve", lambda address, client: None)
    monkeypatch.setattr("cli.prompts.golden.time", SimpleNamespace(sleep=_interrupt))
    monkeypatch.setattr("cli.watching.pause", lambda: _fix_next_job(world))
    monkeypatch.setattr("cli.browser.webbrowser.open", lambda address: True)
    # The root helper and what the sandbox blocks have tests of their own.
    monkeypatch.setattr("sandbox.choose.choose_sandbox", _choose_available)
    monkeypatch.setattr("sandbox.probes.probe", lambda sandbox, folder: {"network": True})


@contextmanager
def worker_of_canary(world: World) -> Iterator[None]:
    """Take one job from the queue in a thread, and publish its end."""
    thread = threading.Thread(target=_answer_canary, args=(world,))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _stopped(serve: Any) -> Any:
    """Wrap a function whose last argument is the event that stops it: it is set already."""

    async def serve_nothing(*arguments: Any) -> None:
        stop: asyncio.Event = arguments[-1]
        stop.set()
        await serve(*arguments)

    return serve_nothing


def _without_long_poll(receive: Any) -> Any:
    async def receive_at_once(
        queue: SqsQueue, max_messages: int, wait_seconds: int = 0
    ) -> list[Delivery]:
        messages: list[Delivery] = await receive(queue, max_messages, min(wait_seconds, 1))
        return messages

    return receive_at_once


def _interrupt(_seconds: float) -> None:
    raise KeyboardInterrupt


def _choose_available(name: str, **conditions: Any) -> Sandbox:
    return choose_sandbox("auto" if name == "uid" else name, **conditions)


def _fix_next_job(world: World) -> None:
    """Do what a worker does with the next message of the queue, in no time."""
    store = SqliteStore(world.console.data_dir / "store.sqlite")
    for message in world.aws.messages(world.queue.url):
        claimed = store.claim(Submission.of(parse_job(message["Body"])), lease_seconds=LEASE)
        assert isinstance(claimed, Claimed)
        result = result_of(claimed, Outcome.PROPOSED)
        event = Event.about(result, "2026-01-31T08:00:00Z")
        store.finish(claimed.lease, result, event, None)
    store.close()


def _answer_canary(world: World) -> None:
    for message in world.aws.messages(world.queue.url, wait_seconds=_SECONDS):
        job = json.loads(message["Body"])
        result = RunResult(
            job_id=job["job_id"],
            generation=0,
            issue_url=job["issue_url"],
            repository="octo/repo",
            outcome=Outcome.PROPOSED,
            reason="a fix",
            trace="t",
        )
        event = Event.about(result, "2026-01-31T08:00:00Z")
        world.aws.sns.publish(TopicArn=world.topic.arn, Message=event.model_dump_json())
