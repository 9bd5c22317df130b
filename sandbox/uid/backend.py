"""The ``uid`` backend: each session has its own user id, for machines without user namespaces
(Fargate).

A root helper does the work: in another container, or started here if this process is root.
"""

import asyncio
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sandbox import NoIsolation, SandboxCommand, SandboxResult, proc
from sandbox.index.proxy import IndexProxy
from sandbox.output import capture_output, limit_message
from sandbox.uid.inspection import describe_refused
from sandbox.uid.protocol import (
    READY,
    SessionReply,
    SessionRequest,
    receive_to_end,
    send_request,
)

_HELPER_CAPABILITIES = "-all,+chown,+dac_override,+fowner,+kill,+setuid,+setgid"
"""The capabilities that the helper needs, all of them among a container's defaults."""
_CAP_SETPCAP = 8  # include/uapi/linux/capability.h
_TRUE = SandboxCommand(("/bin/true",), cwd=Path("/"), timeout=20.0)
_TRIAL_SECONDS = 30
_CHUNK = 64 * 1024


class UidSandbox:
    name = "uid"

    def __init__(self, path: Path, index: IndexProxy):
        """Try the helper.

        Args:
            path: the helper's socket; if it does not exist and this process is root, a helper is
                started.
            index: the proxy to the package index.

        Raises:
            NoIsolation: no helper answers, or it can't isolate.
        """
        if not path.exists():
            if os.geteuid() != 0:
                raise NoIsolation(
                    f"no helper listens on {path}: start `coding-agent sandbox serve` as root"
                )
            path = start_helper()
        self.path = path
        self._index = index
        self._try_out()

    def _try_out(self) -> None:
        request = SessionRequest(_TRUE, index_port=None)
        try:
            output = os.open(os.devnull, os.O_WRONLY)
            try:
                connection = self._send(request, output)
            finally:
                os.close(output)
            with connection:
                connection.settimeout(_TRIAL_SECONDS)
                reply = _decode_reply(receive_to_end(connection))
        except OSError as error:
            raise NoIsolation(f"the helper on {self.path} can't isolate here: {error}") from error
        if reply.exit_code != 0:
            raise NoIsolation(
                f"the helper on {self.path} ran /bin/true, which ended with {reply.exit_code}"
                f" ({reply.end_reason or 'by itself'})"
            )

    def path_inside(self, run_folder: Path) -> Path:
        return run_folder

    async def run(self, command: SandboxCommand) -> SandboxResult:
        started = time.monotonic()
        index_port = None
        if command.network == "install":
            index_port = await asyncio.to_thread(self._index.port)
            command = self._index.reachable_from(command, index_port)
        async with capture_output(command) as output:
            connection = self._send(SessionRequest(command, index_port), output.write_fd)
            output.close_writer()  # the helper has its own copy
            with connection:
                reply = await _wait_for_reply(connection, output.reading)
            await output.reading
        return SandboxResult(
            returncode=reply.exit_code,
            output=output.text() + _notes(reply, command),
            timed_out=reply.end_reason == "time",
            seconds=time.monotonic() - started,
            exceeded=reply.end_reason if reply.end_reason != "time" else None,
            degraded=_degraded(reply),
        )

    def _send(self, request: SessionRequest, output: int) -> socket.socket:
        """Send a request; return the connection on which the reply arrives."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self.path))
            send_request(connection, request, output)
        except BaseException:
            connection.close()
            raise
        return connection


async def _wait_for_reply(connection: socket.socket, reading: "asyncio.Task[None]") -> SessionReply:
    receiving = asyncio.create_task(_receive(connection))
    try:
        return _decode_reply(await asyncio.shield(receiving))
    except asyncio.CancelledError:
        # The helper ends the session, and replies once it has been cleaned up.
        connection.shutdown(socket.SHUT_WR)
        await asyncio.wait([receiving, reading])
        raise


async def _receive(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    data = b""
    while part := await loop.sock_recv(connection, _CHUNK):
        data += part
    return data


def _decode_reply(data: bytes) -> SessionReply:
    """Decode a reply; raise OSError if the session could not be set up."""
    if not data:
        raise OSError("the sandbox's helper refused, or ended during the session")
    reply = SessionReply.decode(data)
    if reply.error is not None:
        raise OSError(f"the sandbox could not be set up: {reply.error}")
    return reply


def _notes(reply: SessionReply, command: SandboxCommand) -> str:
    """Return the lines to append to the command's output."""
    degraded = _degraded(reply)
    notes = "" if degraded is None else f"[sandbox: {degraded}]\n"
    return notes + limit_message(reply.end_reason, command)


def _degraded(reply: SessionReply) -> str | None:
    return None if reply.refused is None else describe_refused(reply.refused)


@functools.cache
def start_helper() -> Path:
    """Start a helper that exits when this process does; return the path of its socket.

    Raises:
        NoIsolation: the helper could not be started.
    """
    path = Path(tempfile.mkdtemp(prefix="coding-agent-sandbox-")) / "socket"
    # Our end stays open until the kernel closes it at the end of this process.
    lifeline_r, _lifeline_w = os.pipe()
    program = [sys.executable, "-I", "-m", "sandbox.uid.helper"]
    helper = subprocess.Popen(
        [*_drop_capabilities(), *program, str(path), str(lifeline_r)],
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        pass_fds=(lifeline_r,),
    )
    os.close(lifeline_r)
    if helper.stdout is None or helper.stdout.readline() != READY.encode():
        raise NoIsolation("the sandbox's helper could not be started; it says why above")
    return path


def _drop_capabilities() -> list[str]:
    """Return the words that start a program with the helper's capabilities alone.

    A container that may not drop capabilities was given few: the program then keeps them.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise NoIsolation("setpriv is not installed: apt-get install util-linux")
    may_drop = proc.own_capabilities() & (1 << _CAP_SETPCAP)
    if not may_drop:
        return []
    return [setpriv, "--bounding-set", _HELPER_CAPABILITIES, "--inh-caps=-all"]
