"""An OpenAI-compatible model server on loopback, which answers from a script
(``pipeline.model.scripted``).

It rejects what the real API rejects: a wrong key, an unknown role, field or model, a message
without content.

    with ModelServer(Script.load(path), key="...") as server:
        os.environ |= {"OPENAI_API_BASE": server.api_base, "OPENAI_API_KEY": "..."}
"""

import contextlib
import hmac
import json
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from pipeline.model import ToolCall
from pipeline.model.scripted import Entry, Script, newest_text
from tests.stand_ins.http_thread import HttpThread

#: The fields of https://platform.openai.com/docs/api-reference/chat/create that a client of text
#: and tool calls may send.
FIELDS = {
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "n",
    "stop",
    "seed",
    "user",
    "stream",
    "metadata",
    "store",
    "response_format",
    "reasoning_effort",
    "presence_penalty",
    "frequency_penalty",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
}
#: The fields of a message of each role.
MESSAGE_FIELDS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls", "refusal"},
    "tool": {"role", "content", "tool_call_id"},
}


@dataclass(frozen=True)
class Exchange:
    """One request to the completions endpoint: its parsed body, and the response's status (0 if the
    connection was dropped).
    """

    body: dict[str, Any]
    status: int


class Refused(Exception):
    def __init__(
        self, status: int, message: str, code: str | None, kind: str = "invalid_request_error"
    ):
        super().__init__(message)
        self.status = status
        self.body = error_body(message, code, kind)


def error_body(message: str, code: str | None, kind: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class ModelServer(HttpThread):
    """Serves from a thread while entered as a context. An empty ``models`` accepts any."""

    def __init__(self, script: Script, *, key: str, models: tuple[str, ...] = ()):
        super().__init__(type("Handler", (_Handler,), {"owner": self}))
        self.script = script
        self.key = key
        self.models = models
        self.exchanges: list[Exchange] = []
        self.stopping = threading.Event()

    @property
    def api_base(self) -> str:
        return f"{self.address}/v1"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stopping.set()
        super().__exit__(kind, error, tb)


class _Handler(BaseHTTPRequestHandler):
    owner: ModelServer
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        body: dict[str, Any] = {}
        try:
            self._check_key()
            if self.path != "/v1/chat/completions":
                raise Refused(404, f"Invalid URL (POST {self.path})", None)
            body = self._parse(raw)
            messages = [(message["role"], _text(message) or "") for message in body["messages"]]
            prompt = newest_text(messages)
            entry = self.owner.script.answer(prompt)
            if entry is None:
                raise Refused(400, self.owner.script.no_answer(prompt), "no_scripted_reply")
            self._play(entry, body)
        except Refused as refused:
            self._send(refused.status, refused.body, {}, body)

    def do_GET(self) -> None:
        self._send(
            404, error_body(f"Invalid URL (GET {self.path})", None, "invalid_request_error"), {}, {}
        )

    def _check_key(self) -> None:
        header = self.headers.get("authorization") or ""
        if not header:
            raise Refused(401, "You didn't provide an API key.", None)
        if not hmac.compare_digest(header.encode(), f"Bearer {self.owner.key}".encode()):
            # The real API repeats part of the key; repeating all of it is the harder test for code
            # that logs it.
            raise Refused(
                401,
                f"Incorrect API key provided: {header.removeprefix('Bearer ')}.",
                "invalid_api_key",
            )

    def _parse(self, raw: bytes) -> dict[str, Any]:
        try:
            body = json.loads(raw)
        except ValueError:
            raise Refused(400, "We could not parse the JSON body of your request.", None) from None
        if not isinstance(body, dict):
            raise Refused(400, "The body must be a JSON object.", None)
        if unknown := sorted(set(body) - FIELDS):
            raise Refused(
                400, f"Unrecognized request argument supplied: {', '.join(unknown)}", None
            )
        if not isinstance(body.get("model"), str) or not body["model"]:
            raise Refused(400, "you must provide a model parameter", None)
        if self.owner.models and body["model"] not in self.owner.models:
            raise Refused(404, f"The model `{body['model']}` does not exist.", "model_not_found")
        if body.get("stream"):
            raise Refused(400, "This stand-in does not stream.", "unsupported_value")
        for name in ("max_tokens", "max_completion_tokens"):
            if name in body and not (type(body[name]) is int and body[name] >= 1):
                raise Refused(400, f"Invalid value for '{name}'.", "integer_below_min_value")
        temperature = body.get("temperature", 1)
        if type(temperature) not in (int, float) or not 0 <= temperature <= 2:
            raise Refused(400, "Invalid 'temperature'.", "decimal_out_of_range")
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise Refused(400, "Invalid 'messages': empty array.", "empty_array")
        for index, message in enumerate(messages):
            if not isinstance(message, dict) or message.get("role") not in MESSAGE_FIELDS:
                raise Refused(400, f"Invalid value for 'messages[{index}].role'.", "invalid_value")
            has_text = _text(message) is not None
            if set(message) - MESSAGE_FIELDS[message["role"]] or not (
                has_text or message.get("tool_calls")
            ):
                raise Refused(
                    400, f"Invalid value for 'messages[{index}].content'.", "invalid_type"
                )
        _check_calls(messages)
        return body

    def _play(self, entry: Entry, body: dict[str, Any]) -> None:
        self.owner.stopping.wait(entry.delay_s)
        if entry.drop:
            self.owner.exchanges.append(Exchange(body, 0))
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if entry.status is not None:
            kind, code = _ERRORS.get(entry.status, ("server_error", None))
            message = f"The script answered with status {entry.status}."
            self._send(
                entry.status, error_body(message, entry.code or code, kind), entry.headers, body
            )
            return
        usage = entry.usage_for("".join(_text(message) or "" for message in body["messages"]))
        message: dict[str, Any] = {"role": "assistant", "content": entry.reply, "refusal": None}
        if entry.reasoning:
            message["reasoning_content"] = entry.reasoning
        if calls := entry.calls_for(len(body["messages"])):
            message["tool_calls"] = [_call(call) for call in calls]
        answer = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": message,
                    "finish_reason": entry.ending,
                    "logprobs": None,
                }
            ],
            "usage": usage.model_dump()
            | {"total_tokens": usage.prompt_tokens + usage.completion_tokens},
        }
        self._send(200, answer, {}, body)

    def _send(
        self, status: int, answer: dict[str, Any], headers: dict[str, str], body: dict[str, Any]
    ) -> None:
        self.owner.exchanges.append(Exchange(body, status))
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {
            **headers,
            "content-type": "application/json",
            "content-length": str(len(data)),
        }.items():
            self.send_header(name, value)
        # A client that gave up has closed its end; the response is still in ``exchanges``.
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are stored in ``exchanges``, not printed."""


_ERRORS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    422: ("invalid_request_error", None),
    429: ("requests", "rate_limit_exceeded"),
}


def _check_calls(messages: list[dict[str, Any]]) -> None:
    """Refuse a conversation in which a call has no result, or a result no call."""
    pending: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message.get("tool_call_id") not in pending:
                raise Refused(400, "messages with role 'tool' must answer 'tool_calls'", None)
            pending.remove(message["tool_call_id"])
            continue
        if pending:
            raise Refused(400, f"tool_call_ids without a response: {', '.join(pending)}", None)
        pending = [call["id"] for call in message.get("tool_calls") or []]
    if pending:
        raise Refused(400, f"tool_call_ids without a response: {', '.join(pending)}", None)


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _text(message: dict[str, Any]) -> str | None:
    """Return a message's text; None if its content is not text."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) and content else [None]
    if not all(
        isinstance(p, dict) and p.get("type") == "text" and isinstance(p.get("text"), str)
        for p in parts
    ):
        return None
    return "".join(part["text"] for part in parts if part)
