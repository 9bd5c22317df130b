"""The real litellm against a scripted server: one call, its cost, its end, and no secret in errors.

What providers reply, refuse and send as errors is in test_providers.py.
"""

import asyncio
import logging
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import Retry
from pipeline.model import Message, ModelRequest
from pipeline.model.capabilities import Models
from pipeline.model.failures import Failure, ModelError
from pipeline.model.litellm_client import LiteLLMClient
from pipeline.model.scripted import Entry, Script, Usage
from tests.stand_ins.model_server import ModelServer

KEY = "sk-never-to-be-seen-0123456789"
MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator["Serve"]:
    server = Serve(monkeypatch)
    yield server
    server.stop()


class Serve:
    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self._monkeypatch = monkeypatch
        self._running = list[ModelServer]()

    def __call__(self, *entries: Entry) -> ModelServer:
        server = ModelServer(Script(entries), key=KEY).__enter__()
        self._running.append(server)
        self._monkeypatch.setenv("OPENAI_API_BASE", server.api_base)
        self._monkeypatch.setenv("OPENAI_API_KEY", KEY)
        return server

    def stop(self) -> None:
        for server in self._running:
            server.__exit__(None, None, None)


def request(text: str = "hi", *, model: str = MODEL, max_tokens: int = 100) -> ModelRequest:
    messages = (Message(role="system", content="be brief"), Message(role="user", content=text))
    return ModelRequest(model=model, messages=messages, max_tokens=max_tokens)


def test_importing_the_client_and_the_stage_does_not_import_litellm() -> None:
    program = (
        "import sys, pipeline.model.litellm_client, pipeline.model.scripted, stages.propose_patch;"
        "print([name for name in ('litellm', 'openai', 'boto3', 'github') if name in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


async def test_a_reply_comes_with_its_usage_and_cost(serve: "Serve") -> None:
    server = serve(Entry(reply="hello", usage=Usage(prompt_tokens=1000, completion_tokens=500)))
    reply = await LiteLLMClient().complete(request())
    assert reply.content == "hello"
    assert reply.finish_reason == "stop"
    assert reply.model == MODEL
    assert reply.prompt_tokens == 1000
    assert reply.completion_tokens == 500
    assert reply.cost_usd == pytest.approx(1000 * 0.15e-6 + 500 * 0.60e-6)
    assert server.exchanges[0].body == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "max_tokens": 100,
    }


async def test_a_call_leaves_no_task_behind(serve: "Serve") -> None:
    serve(Entry(reply="hello"))
    await LiteLLMClient().complete(request())
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_reply_without_usage_costs_its_worst_case(serve: "Serve") -> None:
    serve(Entry(reply="hello", usage=Usage(prompt_tokens=0, completion_tokens=0)))
    client = LiteLLMClient()
    assert (await client.complete(request())).cost_usd == client.worst_case(request()).usd > 0


async def test_litellm_does_not_resend_a_request_after_a_broken_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posts: list[str] = []

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        posts.append((await reader.readline()).decode())
        await reader.readuntil(b"\r\n\r\n")
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()

    async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("ANTHROPIC_API_BASE", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        with pytest.raises(ModelError) as caught:
            await LiteLLMClient().complete(request(model="anthropic/claude-sonnet-4-5"))
    assert posts == ["POST /v1/messages HTTP/1.1\r\n"]
    assert caught.value.charged


async def test_cancelling_a_call_cancels_it(serve: "Serve") -> None:
    serve(Entry(reply="late", delay_s=60))
    client = LiteLLMClient()
    client.warm()
    call = asyncio.create_task(client.complete(request()))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_the_key_is_in_no_error_and_no_log(
    serve: "Serve",
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(Entry(reply="never"))
    wrong = "sk-wrong-and-repeated-by-the-provider"
    monkeypatch.setenv("OPENAI_API_KEY", wrong)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ModelError) as caught:
        await LiteLLMClient().complete(request())
    assert len(server.exchanges) == 1
    cause = caught.value.verdict()
    assert isinstance(cause, Retry)
    assert "[OPENAI_API_KEY]" in cause.detail
    try:
        raise cause from None
    except Retry:
        logging.getLogger("test").exception("as a worker would log it: %s", cause.detail)
    output = caplog.text + "".join(capfd.readouterr())
    assert wrong not in output
    assert "as a worker would log it" in output


async def test_a_model_without_a_list_price_is_billed_at_the_operators_price(
    serve: "Serve", tmp_path: Path
) -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=3)
    serve(Entry(reply="hello", usage=usage), Entry(reply="hello", usage=usage))
    file = tmp_path / "models.yaml"
    file.write_text(
        "openai/mine: {price: {input: 1000, output: 2000}}\n"
        "openai/free: {price: {input: 0, output: 0}}\n"
    )
    client = LiteLLMClient(Models.load(file))
    mine = request(model="openai/mine", max_tokens=5)
    assert (await client.complete(mine)).cost_usd == pytest.approx(0.016)
    assert client.worst_case(mine).usd >= 0.016 + 2 * 2e-3
    free = request(model="openai/free")
    assert (await client.complete(free)).cost_usd == client.worst_case(free).usd == 0


def test_warming_up_prints_nothing_and_ignores_the_current_folders_env_file(
    tmp_path: Path,
) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-a-file\n")
    program = (
        "import os; from pipeline.model.litellm_client import LiteLLMClient;"
        " LiteLLMClient().warm();assert 'OPENAI_API_KEY' not in os.environ"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.returncode == 0
    assert process.stdout == ""
    assert process.stderr == ""


async def test_an_unreadable_response_may_have_been_charged(serve: "Serve") -> None:
    server = serve(Entry(reply="hello"))
    client = LiteLLMClient()
    client._reply = lambda response, *_: response.choices[7]  # type: ignore[method-assign]
    with pytest.raises(ModelError) as caught:
        await client.complete(request())
    assert caught.value.failure is Failure.UNREADABLE
    assert caught.value.charged
    assert len(server.exchanges) == 1
