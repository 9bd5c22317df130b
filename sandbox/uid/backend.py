"""The ``uid`` backend: each session under a user id of its own, for where there are no user
namespaces (Fargate).

The work is done by a root helper: in another container, or started here where this process is root
itself."""

import asyncio
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sandbox import NoIsolation, SandboxCommand, SandboxResult
from sandbox.index.proxy import IndexProxy
from sandbox.output import drain, explained, plain

#: What the helper needs of root's rights, all among a container's default ones.
_CAPABILITIES = "-all,+chown,+dac_override,+fowner,+kill,+setuid,+setgid"


class UidSandbox:
    name = "uid"

    def __init__(self, path: Path, index: IndexProxy):
        """``path`` is the helper's socket. Raises NoIsolation where no helper answers, or where it
        can't isolate.
        """
        if not path.exists():
            if os.geteuid() != 0:
                raise NoIsolation(
                    f"no helper listens on {path}: start `coding-agent sandbox serve` as root"
                )
            path = start_helper()
        self.path = path
        self._index = index
        true = SandboxCommand(("/bin/true",), cwd=Path("/"), timeout=20.0)
        try:
            with self._asked(true, {}, (), None, os.open(os.devnull, os.O_WRONLY)) as connection:
                connection.settimeout(30)
                told = _read(connection.makefile("rb").read())
        except OSError as error:
            raise NoIsolation(f"the helper on {path} can't isolate here: {error}") from error
        if told["code"] != 0:
            raise NoIsolation(f"the helper on {path} ran /bin/true, and it ended with {told}")

    async def run(self, command: SandboxCommand) -> SandboxResult:
        """Raises OSError where the helper can't be reached, or the session can't be set up."""
        started = time.monotonic()
        port = None
        environment = command.environment
        readable = command.readable
        if command.network == "install":
            port = await asyncio.to_thread(self._index.port)
            environment = environment | self._index.environment(port)
            readable = (*readable, *self._index.folders)
        read, write = os.pipe()
        output = asyncio.StreamReader()
        kept = bytearray()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read, "rb")
        )
        try:
            with self._asked(command, environment, readable, port, write) as connection:
                reading = asyncio.create_task(drain(output, kept, command))
                answered = asyncio.create_task(_answer(connection))
                try:
                    await asyncio.shield(answered)
                except asyncio.CancelledError:
                    connection.shutdown(
                        socket.SHUT_WR
                    )  # the helper ends the session, and then answers
                    await asyncio.wait([answered, reading])
                    raise
                told = _read(answered.result())
                await reading
        finally:
            transport.close()
        output_text = plain(kept, command.output_limit) + explained(told["ended"], command)
        seconds = time.monotonic() - started
        return SandboxResult(told["code"], output_text, told["ended"] == "time", seconds)

    def _asked(
        self,
        command: SandboxCommand,
        environment: dict[str, str],
        readable: tuple[Path, ...],
        port: int | None,
        output: int,
    ) -> socket.socket:
        """Send a request; the helper has its own copy of ``output`` then. Gives the connection that
        it answers on.
        """
        order = {
            "argv": command.argv,
            "cwd": str(command.cwd),
            "writable": [str(path) for path in command.writable],
            "readable": [str(path) for path in readable],
            "environment": environment,
            "port": port,
            "timeout": command.timeout,
            "memory_mb": command.memory_mb,
            "disk_mb": command.disk_mb,
        }
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self.path))
            text = json.dumps(order).encode()
            socket.send_fds(connection, [len(text).to_bytes(4, "big")], [output])
            connection.sendall(text)
        except BaseException:
            connection.close()
            raise
        finally:
            os.close(output)
        return connection


async def _answer(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    answer = b""
    while part := await asyncio.get_running_loop().sock_recv(connection, 65536):
        answer += part
    return answer


def _read(answer: bytes) -> dict[str, Any]:
    if not answer:
        raise OSError("the sandbox's helper refused, or ended during the session")
    told: dict[str, Any] = json.loads(answer)
    if "error" in told:
        raise OSError(f"the sandbox could not be set up: {told['error']}")
    return told


@functools.cache
def start_helper() -> Path:
    """A helper of this process's own; it ends when this process does. Gives its socket."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise NoIsolation("setpriv is not installed: apt-get install util-linux")
    path = Path(tempfile.mkdtemp(prefix="coding-agent-sandbox-")) / "socket"
    lifeline, _ours = os.pipe()
    argv = [setpriv, "--bounding-set", _CAPABILITIES, "--inh-caps=-all", sys.executable, "-I", "-m"]
    helper = subprocess.Popen(
        [*argv, "sandbox.uid.helper", str(path), str(lifeline)],
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        pass_fds=(lifeline,),
    )
    os.close(lifeline)
    if helper.stdout is None or helper.stdout.readline() != b"ready\n":
        raise NoIsolation("the sandbox's helper could not be started; it says why above")
    return path
