"""What certainly cost nothing and what may have been charged, whatever litellm calls the error."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import botocore.exceptions
import httpcore
import httpx
import openai
import pytest
from pydantic import TypeAdapter

from pipeline.errors import MAX_DESCRIPTION
from pipeline.model import Message, ModelRequest
from pipeline.model.failures import Failure, ModelError
from pipeline.model.litellm_client import LiteLLMClient
from pipeline.model.litellm_errors import to_model_error
from tests.stand_ins.providers import Providers

MODELS = (
    "gpt-4o",
    "gpt-5",
    "anthropic/claude-opus-4-7",
    "gemini/gemini-3-pro-preview",
    "bedrock/us.anthropic.claude-opus-4-7",
    "azure/gpt-4o",
    "deepseek/deepseek-chat",
    "openrouter/x/y",
)
CONNECTION = ("_API_BASE", "_ENDPOINT")

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Variables with which litellm calls an address where nothing listens."""
    with Providers() as gone:
        variables = gone.environment
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield variables


def move_to(address: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        if name.endswith(CONNECTION):
            path = "/v1" if value.endswith("/v1") else ""
            monkeypatch.setenv(name, address + path)


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[int]:
    async with await asyncio.start_server(handler, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def failure(model: str) -> tuple[Failure, bool]:
    request = ModelRequest(model=model, messages=(Message(role="user", content="hi"),))
    with pytest.raises(ModelError) as caught:
        await LiteLLMClient().complete(request)
    return caught.value.failure, caught.value.charged


NEVER_SENT = (Failure.UNREACHABLE, False)


@pytest.mark.parametrize("model", MODELS)
async def test_a_connection_that_was_never_made_costs_nothing(
    model: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await failure(model) == NEVER_SENT, "refused"

    async def no_such_host(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with monkeypatch.context() as patched:
        patched.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such_host)
        move_to("http://nosuch.invalid", environment, patched)
        assert await failure(model) == NEVER_SENT, "a name without an address"

    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with served(speak_plainly) as port:
        with monkeypatch.context() as patched:
            move_to(f"https://127.0.0.1:{port}", environment, patched)
            assert await failure(model) == NEVER_SENT, "the TLS handshake failed"


@pytest.mark.parametrize("model", MODELS)
async def test_a_proxy_that_refuses_costs_nothing(
    model: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 No Way Out\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    move_to("https://provider.invalid", environment, monkeypatch)
    async with served(refuse) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert await failure(model) == NEVER_SENT
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert await failure(model) == NEVER_SENT, "nothing listens there"


@pytest.mark.parametrize("model", MODELS)
async def test_a_connection_that_broke_may_have_been_charged(
    model: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()

    async def stop_midway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
        writer.close()

    for handler in (drop, reset, stop_midway):
        async with served(handler) as port:
            move_to(f"http://127.0.0.1:{port}", environment, monkeypatch)
            assert await failure(model) == (Failure.OVERLOAD, True), handler.__name__


@pytest.mark.parametrize("model", MODELS)
async def test_an_answer_that_cant_be_read_may_have_been_charged(
    model: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mumble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"429: rate limit, Missing credentials"
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        writer.write(b"connection: close\r\n\r\n" + body)
        writer.close()

    async with served(mumble) as port:
        move_to(f"http://127.0.0.1:{port}", environment, monkeypatch)
        assert await failure(model) == (Failure.UNREADABLE, True)


#: Without a key, litellm itself refuses to call these.
NEED_A_KEY = {
    "gpt-4o": ("OPENAI_API_KEY",),
    "anthropic/claude-opus-4-7": ("ANTHROPIC_API_KEY",),
    "gemini/gemini-3-pro-preview": ("GEMINI_API_KEY",),
    "azure/gpt-4o": ("AZURE_API_KEY",),
    "bedrock/us.anthropic.claude-opus-4-7": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
}


@pytest.mark.parametrize("model", NEED_A_KEY)
async def test_a_missing_key_costs_nothing(
    model: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in NEED_A_KEY[model]:
        monkeypatch.delenv(name)
    assert await failure(model) == (Failure.NO_KEY, False)


def library_error(module: str, name: str) -> Exception:
    """Return an error of a library that is not installed here."""
    error: Exception = type(name, (Exception,), {"__module__": module})("m")
    return error


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (aiohttp.ConnectionTimeoutError("m"), Failure.UNREACHABLE),
        (httpcore.ConnectError("m"), Failure.UNREACHABLE),
        (httpcore.ConnectTimeout("m"), Failure.UNREACHABLE),
        (httpcore.PoolTimeout("m"), Failure.UNREACHABLE),
        (httpcore.ProxyError("m"), Failure.UNREACHABLE),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="u"), Failure.UNREACHABLE),
        (botocore.exceptions.UnauthorizedSSOTokenError(), Failure.NO_KEY),
        (library_error("google.auth.exceptions", "DefaultCredentialsError"), Failure.NO_KEY),
        (library_error("google.auth.exceptions", "RefreshError"), Failure.KEY),
        (library_error("azure.core.exceptions", "ClientAuthenticationError"), Failure.KEY),
        (openai.OpenAIError("The api_key client option must be set either by"), Failure.NO_KEY),
        (ValueError("FIREWORKS_API_KEY is not set"), Failure.NO_KEY),
    ],
)
def test_what_happens_before_a_request_is_sent_costs_nothing(
    first: Exception, expected: Failure
) -> None:
    error = to_model_error(wrapped(first), "gpt-4o")
    assert (error.failure, error.charged) == (expected, False)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        # litellm raises the same for a connection that broke while it was used.
        (httpx.ConnectError("m"), Failure.OVERLOAD),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), Failure.OVERLOAD),
        (aiohttp.SocketTimeoutError("m"), Failure.TIMEOUT),
        (httpx.ReadTimeout("m"), Failure.TIMEOUT),
        (json.JSONDecodeError("line 1 column 429", "", 0), Failure.UNREADABLE),
        (ValueError("invalid literal"), Failure.OVERLOAD),
        (RuntimeError("something new"), Failure.OVERLOAD),
    ],
)
def test_an_error_of_unknown_meaning_may_have_been_charged(
    first: Exception, expected: Failure
) -> None:
    error = to_model_error(wrapped(first), "gpt-4o")
    assert (error.failure, error.charged) == (expected, True)


def test_a_paid_reply_that_speaks_of_keys_is_charged() -> None:
    with pytest.raises(ValueError, match="api_key must be set") as caught:
        TypeAdapter(int).validate_python("Your api_key must be set")
    assert to_model_error(wrapped(caught.value), "gpt-4o").charged


def test_no_part_of_a_key_is_left_where_a_message_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789")
    padding = "x" * (MAX_DESCRIPTION - 12)
    error = to_model_error(RuntimeError(f"{padding} sk-proj-0123456789"), "gpt-4o")
    assert "sk-" not in error.message


def wrapped(first: Exception) -> Exception:
    """Return an error as litellm makes it of another one: with a class and a status of its own."""
    from litellm.exceptions import RateLimitError

    error = RateLimitError(str(first), "openai", "gpt-4o")
    error.__cause__ = first
    return error


def test_azures_400_may_be_billed() -> None:
    request = httpx.Request("POST", "http://127.0.0.1/")
    refusal = httpx.HTTPStatusError("m", request=request, response=httpx.Response(400))
    assert to_model_error(wrapped(refusal), "azure/gpt-4o").charged
    assert not to_model_error(wrapped(refusal), "gpt-4o").charged
