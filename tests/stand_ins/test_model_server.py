import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipeline.model.scripted import Entry, Script
from tests.stand_ins.model_server import ModelServer

KEY = "sk-stand-in-0123456789"
GOOD: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    entries = [
        Entry(when="drop", drop=True),
        Entry(when="busy", status=429, headers={"retry-after": "3"}, code="insufficient_quota"),
        Entry(when="^hi$", reply="hello"),
    ]
    with ModelServer(Script(entries), key=KEY, models=("gpt-4o-mini",)) as running:
        yield running


def post(
    server: ModelServer, body: Any, *, key: str | None = KEY, path: str = "/v1/chat/completions"
) -> tuple[int, Any, dict[str, str]]:
    address = urlsplit(server.api_base)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=10)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        connection.request(
            "POST", path, body if isinstance(body, bytes) else json.dumps(body), headers
        )
        answer = connection.getresponse()
        return (
            answer.status,
            json.loads(answer.read()),
            {k.lower(): v for k, v in answer.getheaders()},
        )
    finally:
        connection.close()


def test_it_answers_from_the_script_with_usage(server: ModelServer) -> None:
    status, body, _ = post(server, GOOD)
    assert status == 200
    assert body["choices"][0]["message"] == {
        "role": "assistant",
        "content": "hello",
        "refusal": None,
    }
    assert body["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert [(exchange.body, exchange.status) for exchange in server.exchanges] == [(GOOD, 200)]


def test_text_parts_are_read_as_text(server: ModelServer) -> None:
    parts = [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]
    assert post(server, GOOD | {"messages": [{"role": "user", "content": parts}]})[0] == 200


@pytest.mark.parametrize("key", [None, "", "sk-wrong"])
def test_it_requires_its_key(server: ModelServer, key: str | None) -> None:
    status, body, _ = post(server, GOOD, key=key)
    assert status == 401
    assert set(body["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": ""}, 400),
        ({"model": "gpt-9"}, 404),
        ({"messages": []}, 400),
        ({"messages": "hi"}, 400),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, 400),
        ({"messages": [{"role": "user"}]}, 400),
        ({"messages": [{"role": "user", "content": None}]}, 400),
        ({"messages": [{"role": "user", "content": []}]}, 400),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400),
        ({"messages": [{"role": "user", "content": "hi", "colour": "red"}]}, 400),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "call_1"}]}, 400),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "call_1"}]}]}, 400),
        ({"max_tokens": 0}, 400),
        ({"max_tokens": True}, 400),
        ({"temperature": 3}, 400),
        ({"stream": True}, 400),
        ({"num_retries": 0}, 400),
    ],
)
def test_it_refuses_what_the_real_api_refuses(
    server: ModelServer, change: dict[str, Any], status: int
) -> None:
    response_status, body, _ = post(server, GOOD | change)
    assert (response_status, body["error"]["type"]) == (status, "invalid_request_error")


def test_invalid_json_and_other_paths_are_refused(server: ModelServer) -> None:
    assert post(server, b"{")[0] == 400
    assert post(server, [])[0] == 400
    assert post(server, GOOD, path="/v1/completions")[0] == 404


def test_a_message_without_a_matching_entry_is_an_error(server: ModelServer) -> None:
    status, body, _ = post(server, GOOD | {"messages": [{"role": "user", "content": "other"}]})
    assert (status, body["error"]["code"]) == (400, "no_scripted_reply")
    assert "no entry matches" in body["error"]["message"]


def test_a_scripted_error_has_openais_body_and_the_scripts_headers(server: ModelServer) -> None:
    status, body, headers = post(server, GOOD | {"messages": [{"role": "user", "content": "busy"}]})
    assert (status, headers["retry-after"], body["error"]["code"]) == (
        429,
        "3",
        "insufficient_quota",
    )


def test_it_can_drop_the_connection(server: ModelServer) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        post(server, GOOD | {"messages": [{"role": "user", "content": "drop"}]})
    assert [exchange.status for exchange in server.exchanges] == [0]


class SignallingScript(Script):
    """Sets an event when it is called."""

    def __init__(self, *entries: Entry):
        super().__init__(entries)
        self.asked = threading.Event()

    def answer(self, prompt: str) -> Entry | None:
        self.asked.set()
        return super().answer(prompt)


def test_stopping_does_not_wait_for_a_slow_answer() -> None:
    script = SignallingScript(Entry(reply="late", delay_s=3600))
    statuses: list[int] = []
    with ModelServer(script, key=KEY) as slow:
        asking = threading.Thread(target=lambda: statuses.append(post(slow, GOOD)[0]), daemon=True)
        asking.start()
        assert script.asked.wait(timeout=20)
    asking.join(timeout=20)
    assert statuses == [200]
