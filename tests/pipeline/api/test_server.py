"""The original snippet against real uvicorn, real aioboto3 and moto's SQS."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import requests

from pipeline.api.body import MAX_BODY
from pipeline.api.server import listen, serve
from pipeline.job import parse_job
from pipeline.queue import SqsQueue
from tests.pipeline.api.conftest import ISSUE, Service
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import job

HEAD = (
    "POST /fix-issue HTTP/1.1\r\nHost: x\r\nX-API-Key: alice-secret-key\r\nContent-Type:"
    " application/json\r\n"
)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[str]:
    listener = listen("127.0.0.1", 0)
    stop = asyncio.Event()
    port = listener.getsockname()[1]
    serving = asyncio.create_task(serve(service.app(), listener, stop))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await asyncio.wait_for(serving, 10)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_connections_send_without_waiting_for_the_other_side() -> None:
    with listen("127.0.0.1", 0) as listener:
        with socket.create_connection(listener.getsockname()):
            connection, _ = listener.accept()
            with connection:
                assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_original_client_snippet_works_unchanged(service: Service, aws: Aws):
    queue = aws.make_queue()
    async with SqsQueue(queue.url, visibility_timeout=30) as sqs:
        service.send = sqs.submit  # type: ignore[assignment,method-assign]
        async with running(service) as CODING_AGENT_URL:

            def snippet() -> dict[str, object]:
                return requests.post(  # type: ignore[no-any-return]
                    f"{CODING_AGENT_URL}/fix-issue",
                    headers={"X-API-Key": "alice-secret-key"},
                    json={"issue_url": ISSUE},
                ).json()

            accepted = await asyncio.to_thread(snippet)
            assert accepted["job_id"] == job().id
            view = await asyncio.to_thread(
                requests.get, str(accepted["status_url"]), headers={"X-API-Key": "alice-secret-key"}
            )
            assert (view.status_code, view.json()["state"]) == (200, "queued")
            assert "server" not in view.headers
    (message,) = aws.messages(queue.url)
    assert parse_job(message["Body"]) == job()


async def test_refused_sender_reads_the_reason_even_while_still_sending(service: Service):
    big = b" " * (2 * 1024 * 1024)
    headers = {"X-API-Key": "alice-secret-key", "Content-Type": "application/json"}
    async with running(service) as url:
        for request_headers, status in ((headers, 413), ({"X-API-Key": "wrong"}, 401)):
            for body in (big, iter([big[: MAX_BODY * 2], big[: MAX_BODY * 2]])):
                answer = await asyncio.to_thread(
                    requests.post, f"{url}/fix-issue", data=body, headers=request_headers
                )
                assert answer.status_code == status


async def test_truncated_body_leaves_no_job_and_harms_no_other_request(
    service: Service,
):
    async with running(service) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f'{HEAD}Content-Length: 5000\r\n\r\n{{"issue_url": "{ISSUE}"}}'.encode())
        await writer.drain()
        writer.close()
        answer = await asyncio.to_thread(requests.get, f"{url}/health")
        assert answer.status_code == 200
    assert service.sent == []


async def test_missing_body_is_awaited_only_up_to_the_limit(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipeline.api.request_body.BODY_SECONDS", 0.05)
    monkeypatch.setattr("pipeline.api.middleware.DRAIN_SECONDS", 0.05)
    async with running(service) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"{HEAD}Content-Length: 5000\r\n\r\n".encode())
        output = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert output.startswith(b"HTTP/1.1 408 ") and b'"too_slow"' in output


async def test_open_connection_does_not_keep_the_service_from_stopping(service: Service):
    async with running(service) as url:
        with requests.Session() as session:
            assert (await asyncio.to_thread(session.get, f"{url}/health")).status_code == 200


def test_port_in_use_is_an_error_before_any_work_begins():
    with listen("127.0.0.1", 0) as first, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", first.getsockname()[1])


def test_worker_and_settings_import_no_fastapi():
    program = (
        "import sys, pipeline.worker.worker, pipeline.settings, pipeline.api.server,"
        " cli.main\nprint([name for name in ('fastapi', 'starlette', 'uvicorn') if name"
        " in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert output.stdout == "[]\n"
