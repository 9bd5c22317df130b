"""Reading a body: what is too large, too slow or cut off."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from pipeline.api import request_body
from pipeline.api.problem import Refusal
from pipeline.api.request_body import read_body

Receive = Callable[[], Awaitable[Message]]


def arriving(*messages: Message) -> Receive:
    """Return what receives these messages, and then waits for more."""
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(data: bytes, *, is_last: bool) -> Message:
    return {"type": "http.request", "body": data, "more_body": not is_last}


async def status_of(receive: Receive) -> int:
    with pytest.raises(Refusal) as refused:
        await read_body(Request({"type": "http"}, receive), 10)
    return refused.value.status


async def test_a_body_may_arrive_in_parts() -> None:
    receive = arriving(part(b"12345", is_last=False), part(b"67890", is_last=True))
    assert await read_body(Request({"type": "http"}, receive), 10) == b"1234567890"


async def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    assert await status_of(arriving(part(b"12345678901", is_last=False))) == 413


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_SECONDS", 0.01)
    assert await status_of(arriving(part(b"12345", is_last=False))) == 408


async def test_a_body_that_is_cut_off_is_refused() -> None:
    assert await status_of(arriving({"type": "http.disconnect"})) == 400
