"""Holds each request and each answer of the stand-in against GitHub's description of its API."""

import json

from tests.stand_ins.github.description import Description
from tests.stand_ins.github.operations import Operation
from tests.stand_ins.github.wire import App, Incoming, Message, Receive, Scope, Send, read_incoming

_API = "/api/v3"
_PULLS = ("", "repos", "{owner}", "{repo}", "pulls")


class Conformance:
    """ASGI around the application. ``mismatches`` has what GitHub would not do or not accept.

    Requests of other clients than ours may be wrong, if they are refused: they are those of tests.
    """

    def __init__(self, app: App, description: Description | None):
        """Args:
        description: None if it could not be fetched; then nothing is compared.
        """
        self._app = app
        self._description = description
        self.mismatches: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming, receive_again = await read_incoming(scope, receive)
        if self._description is None or not incoming.path.startswith(_API):
            await self._app(scope, receive_again, send)
            return
        status = 500
        body = b""

        async def answer(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            body += message.get("body", b"")
            await send(message)

        try:
            await self._app(scope, receive_again, answer)
        except Exception as error:
            self._add_mismatch(incoming, 500, f"the stand-in itself failed: {error!r}")
            raise
        for mismatch in _find_mismatches(self._description, incoming, status, body):
            self._add_mismatch(incoming, status, mismatch)

    def _add_mismatch(self, incoming: Incoming, status: int, mismatch: str) -> None:
        self.mismatches.append(f"{incoming.method} {incoming.path} ({status}): {mismatch}")


def _find_mismatches(
    description: Description, incoming: Incoming, status: int, body: bytes
) -> list[str]:
    must_be_valid = incoming.is_ours or status < 300
    operation = description.find_operation(incoming.method, incoming.path.removeprefix(_API))
    if operation is None:
        return ["GitHub has no such operation"] if must_be_valid else []
    errors = description.response_errors(operation, status, body)
    if must_be_valid and not _is_meant_to_be_invalid(operation, incoming):
        errors += description.request_errors(operation, incoming.query, incoming.body)
    return errors


def _is_meant_to_be_invalid(operation: Operation, incoming: Incoming) -> bool:
    """Return whether the request only asks whether pull requests may be opened; see
    ``pipeline.github.rights``.
    """
    is_creation = (operation.method, operation.segments) == ("POST", _PULLS)
    return is_creation and json.loads(incoming.body) == {}
