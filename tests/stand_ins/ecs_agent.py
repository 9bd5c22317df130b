"""The ECS agent's endpoint for task scale-in protection, as strict as its documentation."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class EcsAgent:
    """A running agent. Each request first uses up one of ``answers``: (status, body)."""

    uri: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


def _find_error(method: str, path: str, content_type: str | None, body: Any) -> str | None:
    """Return the error code for an invalid request, or None."""
    if (method, path) != ("PUT", "/api/task-protection/v1/state"):
        return "NotFound"
    if content_type != "application/json" or not isinstance(body, dict):
        return "InvalidParameter: no JSON object"
    unknown = set(body) - {"ProtectionEnabled", "ExpiresInMinutes"}
    if unknown or not isinstance(body.get("ProtectionEnabled"), bool):
        return "InvalidParameter: ProtectionEnabled"
    minutes = body.get("ExpiresInMinutes", 120)
    if type(minutes) is not int or not 1 <= minutes <= 2880:
        return "InvalidParameter: ExpiresInMinutes"
    if "ExpiresInMinutes" in body and not body["ProtectionEnabled"]:
        return "InvalidParameter: ExpiresInMinutes without protection"
    return None


@contextmanager
def ecs_agent() -> Iterator[EcsAgent]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            agent.requests.append(body)
            code = _find_error(self.command, self.path, self.headers["Content-Type"], body)
            if code is not None:
                status = 400
                answer = {"error": {"Code": code, "Message": code}}
            elif agent.answers:
                status, answer = agent.answers.pop(0)
            else:
                status = 200
                answer = {"protection": {"ProtectionEnabled": body["ProtectionEnabled"]}}
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Write no line for each request."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    agent = EcsAgent(f"http://127.0.0.1:{server.server_port}/api")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield agent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
