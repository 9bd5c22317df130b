"""The messages between a worker and the helper."""

import os
import socket
from pathlib import Path

import pytest

from sandbox import SandboxCommand
from sandbox.uid.protocol import (
    SessionReply,
    SessionRequest,
    receive_request,
    send_request,
)

COMMAND = SandboxCommand(
    ("/bin/echo", "\N{SNOWMAN}"),
    cwd=Path("/work"),
    writable=(Path("/work"),),
    readable=(Path("/usr/share"), Path(os.fsdecode(b"/not-utf-8-\xff"))),
    environment={"NAME": "value"},
    network="install",
    timeout=1.5,
    memory_mb=100,
    disk_mb=200,
)


def test_request_arrives_as_it_was_sent():
    request = SessionRequest(COMMAND, index_port=8377)
    assert SessionRequest.decode(request.encode()) == request


def test_request_omits_the_output_callback():
    command = SandboxCommand(("true",), cwd=Path("/"), on_output=print)
    request = SessionRequest(command, index_port=None)
    assert SessionRequest.decode(request.encode()).command.on_output is None


def test_request_carries_a_descriptor_for_the_output(tmp_path: Path):
    request = SessionRequest(COMMAND, index_port=None)
    worker, helper = socket.socketpair()
    with worker, helper, (tmp_path / "output").open("w") as output:
        send_request(worker, request, output.fileno())
        received, descriptor = receive_request(helper)
        os.write(descriptor, b"text")
        os.close(descriptor)
    assert received == request
    assert (tmp_path / "output").read_text() == "text"


@pytest.mark.parametrize(
    "reply",
    [
        SessionReply(3),
        SessionReply(137, "memory"),
        SessionReply(error="OSError: it can't be set up"),
    ],
)
def test_reply_arrives_as_it_was_sent(reply: SessionReply):
    assert SessionReply.decode(reply.encode()) == reply
