"""Run the service: the worker and the HTTP intake in one process."""

import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from typing import TYPE_CHECKING

from cli.missing import how_to_install
from cli.sandbox_trial import try_sandbox
from cli.wiring import App
from pipeline.settings import Settings, SettingsError, variable
from pipeline.threads import CONTROL, STORE, reserve_work_threads

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pipeline.api.intake import Intake
    from pipeline.api.webhook.delivery import WebhookEndpoint
    from pipeline.queue import SqsQueue
    from pipeline.worker.outbox import Publisher
    from pipeline.worker.worker import Worker


async def serve(app: App, stop: asyncio.Event) -> None:
    """Run the worker and the HTTP intake until ``stop`` is set. If one of them dies, the other is
    stopped.

    Raises:
        SettingsError: the port can't be used.
    """
    from pipeline.queue import SqsQueue
    from pipeline.worker.outbox import Publisher

    settings = app.settings
    reserve_work_threads(settings.concurrency)
    assert settings.queue_url  # noqa: S101 (the command checks it)
    listener = _listen(settings)
    queue = SqsQueue(settings.queue_url, visibility_timeout=settings.visibility_timeout)
    async with (
        queue,
        Publisher(app.store, app.policy.topic_of) as publisher,
        AsyncExitStack() as stack,
    ):
        worker = await _make_worker(app, queue, publisher, stack)
        intake = _make_intake(app, queue, worker, _open_metrics(settings, stack))
        await _run_both(worker, intake, listener, stop)


async def _run_both(
    worker: "Worker", intake: "FastAPI", listener: socket.socket, stop: asyncio.Event
) -> None:
    from pipeline.api.server import serve as serve_http

    # HTTP stops last: a load balancer still gets answers while the runs are handed back.
    stop_http = asyncio.Event()
    worker_task = asyncio.create_task(worker.run(stop))
    http_task = asyncio.create_task(serve_http(intake, listener, stop_http))
    await asyncio.wait({worker_task, http_task}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.wait({worker_task})
    stop_http.set()
    await asyncio.gather(worker_task, http_task)


def _listen(settings: Settings) -> socket.socket:
    from pipeline.api.server import listen

    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        address = f"{settings.host}:{settings.port}"
        raise SettingsError(f"CODING_AGENT_PORT: {address} can't be used: {error}") from error


async def _make_worker(
    app: App, queue: "SqsQueue", publisher: "Publisher", stack: AsyncExitStack
) -> "Worker":
    from pipeline.worker.options import WorkerOptions, WorkerTools
    from pipeline.worker.task_protection import TaskProtection, connect_agent
    from pipeline.worker.worker import Worker

    protect: Callable[[], AbstractContextManager[None]] = nullcontext
    agent = connect_agent(os.environ)
    if agent is not None:
        protection = await stack.enter_async_context(TaskProtection(agent))
        protect = protection.hold
    tools = WorkerTools(
        queue,
        app.store,
        app.engine,
        publisher,
        protect,
        app.forge.check_credentials,
        app.make_room,
    )
    settings = app.settings
    options = WorkerOptions(
        settings.concurrency, settings.visibility_timeout, data_dir=settings.data_dir
    )
    return Worker(tools, options)


def _open_metrics(settings: Settings, stack: AsyncExitStack) -> Callable[[], bytes] | None:
    """Return what makes the text of /metrics; None if it is not served."""
    if not settings.metrics:
        return None
    try:
        from pipeline.prometheus import PrometheusMetrics
    except ImportError:
        raise SettingsError(f"{variable('metrics')}: {how_to_install('metrics')}") from None
    return stack.enter_context(PrometheusMetrics()).text


def _open_webhook(app: App, intake: "Intake") -> "WebhookEndpoint | None":
    """Return what receives GitHub's events; None if there is no secret to check them with."""
    from cli.webhook.assembly import github_webhook
    from pipeline.api.webhook.delivery import WebhookEndpoint

    secrets = app.settings.webhook_secrets
    if app.accounts is None or not secrets:
        return None
    handler = github_webhook(app.settings, app.forge, app.accounts, intake)
    return WebhookEndpoint(handler, secrets)


def _make_intake(
    app: App, queue: "SqsQueue", worker: "Worker", metrics: Callable[[], bytes] | None
) -> "FastAPI":
    from pipeline.api.app import create_app
    from pipeline.api.health import Degraded, Liveness
    from pipeline.api.intake import Intake
    from pipeline.api.keys import ApiKeys
    from pipeline.clock import Clock
    from pipeline.worker.worker import STALE_SECONDS

    async def check_store() -> object:
        return await STORE.run(app.store.pending_events, 1)

    async def check_sandbox() -> Degraded | None:
        fault = await try_sandbox(app.sandbox)
        return None if fault is None else Degraded(fault)

    async def check_credentials() -> object:
        return await CONTROL.run(app.forge.check_credentials)

    async def check_disk() -> None:
        worker.disk.require_room()

    intake = Intake(app.store, queue.submit, app.policy.refusal, time.time)
    return create_app(
        intake=intake,
        webhook=_open_webhook(app, intake),
        keys=ApiKeys(app.settings.named_api_keys),
        liveness=Liveness(worker.vitals, lambda: worker.pause, STALE_SECONDS, Clock()),
        checks={
            "queue": queue.depth,
            "store": check_store,
            "sandbox": check_sandbox,
            "credentials": check_credentials,
            "disk": check_disk,
        },
        metrics=metrics,
    )
