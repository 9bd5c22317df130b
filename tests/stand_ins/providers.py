"""The APIs of several model providers on loopback: OpenAI (both), Anthropic, Gemini, Bedrock.

Each request is recorded whole. The next prepared answer is sent, or a short text in the form of the
API that was called. Like the real ones, the APIs refuse what they did not write: thinking with
another signature, an encrypted item that was changed, a result without its call.

    with Providers() as server:
        os.environ |= server.environment
"""

import base64
import contextlib
import json
import socket
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.stand_ins.http_thread import HttpThread

#: Google accepts this in place of a signature
#: (https://ai.google.dev/gemini-api/docs/thought-signatures); litellm sends it with unsigned calls.
NO_SIGNATURE = base64.b64encode(b"skip_thought_signature_validator").decode()
KEY = "sk-never-to-be-seen-0123456789"


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    body: dict[str, Any] | None
    """None: a short text in the form of the API that was called."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    """Close the connection instead."""
    after: threading.Event | None = None
    """The answer is sent once this is set."""


class Refused(Exception):
    """The API refuses the request with status 400."""


class Providers(HttpThread):
    """Serves from a thread while entered as a context."""

    def __init__(self) -> None:
        super().__init__(type("Handler", (_Handler,), {"owner": self}))
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.received = threading.Event()
        """Set once there is a request."""
        #: Reasoning that was sent to the client.
        self._written: list[dict[str, Any]] = [{"thoughtSignature": NO_SIGNATURE}]

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which litellm calls this server."""
        base = self.address
        return {
            "ANTHROPIC_API_BASE": base,
            "ANTHROPIC_API_KEY": KEY,
            "AWS_ACCESS_KEY_ID": "AKIA0123456789ABCDEF",
            "AWS_BEDROCK_RUNTIME_ENDPOINT": base,
            "AWS_REGION_NAME": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AZURE_API_BASE": base,
            "AZURE_API_KEY": KEY,
            "AZURE_API_VERSION": "2025-04-01-preview",
            "DEEPSEEK_API_BASE": f"{base}/v1",
            "DEEPSEEK_API_KEY": KEY,
            "GEMINI_API_BASE": base,
            "GEMINI_API_KEY": KEY,
            "HOSTED_VLLM_API_BASE": f"{base}/v1",
            "HOSTED_VLLM_API_KEY": KEY,
            "MOONSHOT_API_BASE": f"{base}/v1",
            "MOONSHOT_API_KEY": KEY,
            "OPENAI_API_BASE": f"{base}/v1",
            "OPENAI_API_KEY": KEY,
            "OPENROUTER_API_BASE": f"{base}/v1",
            "OPENROUTER_API_KEY": KEY,
        }

    def handle(self, request: Request) -> Answer:
        """Return the answer to a request, which is recorded."""
        self.requests.append(request)
        try:
            self._check_reasoning(request.body)
            _check_results(request.body)
        except Refused as error:
            return Answer({"error": {"message": str(error), "type": "invalid_request_error"}}, 400)
        answer = self.answers.pop(0) if self.answers else Answer(None)
        if answer.body is None:
            answer = replace(answer, body=_short_answer(request))
        self._written.extend(_reasoning(answer.body))
        return answer

    def _check_reasoning(self, body: dict[str, Any]) -> None:
        for block in _reasoning(body):
            if block not in self._written:
                raise Refused(f"this was not written here: {block}")


def _reasoning(value: Any) -> list[dict[str, Any]]:
    """Return all reasoning blocks with a signature or encrypted content, at any depth.

    Of Gemini's parts, only the signature: the part has other names in a request.
    """
    if isinstance(value, list):
        return [block for item in value for block in _reasoning(item)]
    if not isinstance(value, dict):
        return []
    if "thoughtSignature" in value:
        return [{"thoughtSignature": value["thoughtSignature"]}]
    if value.keys() & {"signature", "encrypted_content"}:
        return [value]
    return [block for item in value.values() for block in _reasoning(item)]


def _check_results(body: dict[str, Any]) -> None:
    """Refuse a result of a call that the conversation does not hold."""
    text = json.dumps(body)
    for name in ("tool_use_id", "tool_call_id"):
        for call in _values(body, name):
            if text.count(json.dumps(call)) < 2:
                raise Refused(f"no call {call}")


def _values(value: Any, name: str) -> list[Any]:
    """Return the values of all fields with this name, at any depth."""
    if isinstance(value, list):
        return [match for item in value for match in _values(item, name)]
    if not isinstance(value, dict):
        return []
    below = [match for item in value.values() for match in _values(item, name)]
    return below + ([value[name]] if name in value else [])


def _short_answer(request: Request) -> dict[str, Any]:
    path = request.path.partition("?")[0]
    if path.endswith("/responses"):
        return openai_response([{"type": "message", "content": "hello"}])
    if path.endswith("/messages"):
        return anthropic_message([{"type": "text", "text": "hello"}])
    if path.endswith(":generateContent"):
        return gemini_response([{"text": "hello"}])
    if path.endswith("/converse"):
        return bedrock_response([{"text": "hello"}])
    return chat_completion({"content": "hello"})


def chat_completion(message: dict[str, Any], *, finish_reason: str = "stop") -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/chat/object"""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def openai_response(
    items: list[dict[str, Any]], *, status: str = "completed", **fields: Any
) -> dict[str, Any]:
    """https://platform.openai.com/docs/api-reference/responses/object"""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": status,
        "model": "m",
        "error": None,
        "incomplete_details": None,
        "output": [_item(item) for item in items],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 12},
            "total_tokens": 120,
        },
        **fields,
    }


def _item(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] != "message" or not isinstance(item["content"], str):
        return item
    part = {"type": "output_text", "text": item["content"], "annotations": []}
    return {
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        **item,
        "content": [part],
    }


def anthropic_message(
    content: list[dict[str, Any]], *, stop_reason: str = "end_turn"
) -> dict[str, Any]:
    """https://docs.claude.com/en/api/messages"""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


def gemini_response(parts: list[dict[str, Any]], *, finish_reason: str = "STOP") -> dict[str, Any]:
    """https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse"""
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": parts},
                "finishReason": finish_reason,
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 100,
            "candidatesTokenCount": 20,
            "totalTokenCount": 120,
        },
    }


def bedrock_response(
    content: list[dict[str, Any]], *, stop_reason: str = "end_turn"
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop_reason,
        "usage": {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120},
        "metrics": {"latencyMs": 1},
    }


class _Handler(BaseHTTPRequestHandler):
    owner: Providers
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.owner.handle(Request(self.path, headers, json.loads(raw)))
        self.owner.received.set()
        if answer.after is not None:
            answer.after.wait()
        if answer.drop:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        data = json.dumps(answer.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(data))}
        self.send_response(answer.status)
        for name, value in (headers | answer.headers).items():
            self.send_header(name, value)
        # A client that gave up has closed its end.
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are recorded, not printed."""
