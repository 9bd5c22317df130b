"""The messages that a worker and the helper exchange over the helper's socket.

    worker --> helper    the request's length in four bytes, with the descriptor for the output;
                         then a ``SessionRequest``
    helper --> worker    a ``SessionReply``, then the end of the connection

A worker cancels the session by shutting down its side of the connection. The supervisor of a
session passes the same request on to its monitor and its target.
"""

import json
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from sandbox import SandboxCommand

READY = "ready\n"
"""The line that the helper prints once it is listening."""

_LENGTH_BYTES = 4
_MAX_REQUEST_BYTES = 4 * 1024**2
_REQUEST_SECONDS = 10
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class SessionRequest:
    command: SandboxCommand
    """Its ``network``, ``output_limit`` and ``on_output`` are handled by the worker."""
    index_port: int | None
    """A port on the worker's loopback that the session may reach."""

    def encode(self) -> bytes:
        command = asdict(replace(self.command, on_output=None))
        message = {"command": command, "index_port": self.index_port}
        return json.dumps(message, default=str).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        message = json.loads(data)
        fields = message["command"]
        fields.update(
            argv=tuple(fields["argv"]),
            cwd=Path(fields["cwd"]),
            writable=tuple(map(Path, fields["writable"])),
            readable=tuple(map(Path, fields["readable"])),
            home=_optional_path(fields["home"]),
            run_folder=_optional_path(fields["run_folder"]),
            temporary=_optional_path(fields["temporary"]),
        )
        command = SandboxCommand(**fields)
        return cls(command, message["index_port"])


def _optional_path(path: str | None) -> Path | None:
    return None if path is None else Path(path)


@dataclass(frozen=True)
class SessionReply:
    exit_code: int = 0
    end_reason: str | None = None
    """``time``, ``memory``, ``disk``, or a phrase; None if the command exited by itself."""
    error: str | None = None
    """Why the session could not be set up."""
    refused: str | None = None
    """Why the session could not reach its own servers: one of ``inspection.Refused``."""

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        return cls(**json.loads(data))


def send_request(connection: socket.socket, request: SessionRequest, output: int) -> None:
    data = request.encode()
    length = len(data).to_bytes(_LENGTH_BYTES, "big")
    socket.send_fds(connection, [length], [output])
    connection.sendall(data)


def receive_request(connection: socket.socket) -> tuple[SessionRequest, int]:
    """Receive a request and the descriptor for the output."""
    connection.settimeout(_REQUEST_SECONDS)
    length, descriptors, _, _ = socket.recv_fds(connection, _LENGTH_BYTES, 1)
    size = int.from_bytes(length, "big")
    data = bytearray()
    while len(data) < size <= _MAX_REQUEST_BYTES:
        part = connection.recv(size - len(data))
        if not part:
            break
        data += part
    connection.settimeout(None)
    return SessionRequest.decode(bytes(data)), descriptors[0]


def receive_to_end(connection: socket.socket) -> bytes:
    """Receive until the sender closes the connection."""
    data = b""
    while part := connection.recv(_CHUNK):
        data += part
    return data
