"""The ``bwrap`` backend: namespaces, a clean environment, read-only system folders, and nothing
that belongs to the worker.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sandbox import NoIsolation, SandboxCommand, SandboxResult
from sandbox.bwrap.hand_over import open_paths
from sandbox.bwrap.options import ControlPipes, Installation, User, command_line
from sandbox.bwrap.relocation import Relocation
from sandbox.bwrap.session import BubblewrapSession, SessionEnds
from sandbox.bwrap.users import claim_user_id
from sandbox.index.proxy import IndexProxy
from sandbox.limits import UMASK
from sandbox.output import OutputCapture, capture_output, plain_text

INDEX_PORT = 8377
"""The port of the package index on the loopback of a sandbox that installs."""

_JOIN_NETWORK = Path(__file__).with_name("join_network.py")
_TRUE = SandboxCommand(("/bin/true",), cwd=Path("/"))
_SETUP_SECONDS = 30


class BwrapSandbox:
    name = "bwrap"

    def __init__(self, index: IndexProxy) -> None:
        """Try bubblewrap.

        Raises:
            NoIsolation: a program is missing, or the kernel refuses.
        """
        self._index = index
        self._installation = Installation(
            bwrap=_find_program("bwrap", package="bubblewrap"),
            setpriv=_find_program("setpriv", package="util-linux"),
            by_root=os.geteuid() == 0,
        )
        try:
            self._try_out()
        except OSError as error:
            raise NoIsolation(f"bubblewrap can't be tried out here: {error}") from error

    def _try_out(self) -> None:
        with self._user_for(_TRUE) as user, ExitStack() as stack:
            line = command_line(self._installation, user, _TRUE, stack)
            trial = subprocess.run(
                line.argv,
                env={},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=line.descriptors,
                timeout=_SETUP_SECONDS,
                check=False,
            )
        if trial.returncode != 0:
            output = plain_text(trial.stdout, 300).strip()
            raise NoIsolation(
                f"bubblewrap does not work here ({output}): it needs user namespaces (sysctl"
                " kernel.unprivileged_userns_clone=1,"
                " kernel.apparmor_restrict_unprivileged_userns=0), in a container the capability"
                " SYS_ADMIN"
            )

    def path_inside(self, run_folder: Path) -> Path:
        return Relocation(run_folder).path(run_folder)

    async def run(self, command: SandboxCommand) -> SandboxResult:
        started = time.monotonic()
        if command.network == "install":
            command = self._index.reachable_from(command, INDEX_PORT)
        with self._user_for(command) as user, ExitStack() as stack:
            async with capture_output(command) as output:
                session = self._start(command, user, output, stack)
                try:
                    async with asyncio.timeout(command.timeout):
                        await self._run_command(command, session, stack)
                except TimeoutError:
                    session.time_is_up()
                finally:
                    await asyncio.shield(asyncio.create_task(session.kill()))
                return await session.result(started)

    @contextmanager
    def _user_for(self, command: SandboxCommand) -> Iterator[User]:
        """Provide the user for a command's session, with access to the command's paths."""
        if not self._installation.by_root:
            yield User(os.getuid(), os.getgid())
            return
        with claim_user_id(command) as uid:
            open_paths(command, uid)
            yield User(uid, uid)

    def _start(
        self, command: SandboxCommand, user: User, output: OutputCapture, stack: ExitStack
    ) -> BubblewrapSession:
        """Start bubblewrap, which waits before starting the command."""
        status_r, status_w = os.pipe()
        stack.callback(os.close, status_r)
        start_r, start_w = os.pipe()
        stack.callback(os.close, start_w)
        try:
            pipes = ControlPipes(status_w, start_r)
            line = command_line(self._installation, user, command, stack, pipes)
            process = subprocess.Popen(
                line.argv,
                env={},
                cwd="/",
                umask=UMASK,
                start_new_session=True,
                pass_fds=line.descriptors,
                stdin=subprocess.DEVNULL,
                stdout=output.write_fd,
                stderr=output.write_fd,
            )
        finally:
            # bubblewrap has its own copies.
            os.close(status_w)
            os.close(start_r)
            output.close_writer()
        ends = SessionEnds(status_r, start_w)
        return BubblewrapSession(command, process, output, ends, user.uid)

    async def _run_command(
        self, command: SandboxCommand, session: BubblewrapSession, stack: ExitStack
    ) -> None:
        init = await session.wait_for_init()
        if command.network == "install" and init is not None:
            listener = await asyncio.to_thread(_listen_inside, init)
            stack.callback(self._index.serve(listener))
        session.start_command()
        await session.wait()


def _listen_inside(init: int) -> socket.socket:
    """Return a socket that listens on the sandbox's loopback.

    Another process, which joins the sandbox's network, creates it.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program = [sys.executable, "-I", "-S", str(_JOIN_NETWORK)]
        subprocess.run(
            [*program, str(init), str(theirs.fileno()), str(INDEX_PORT)],
            env={},
            pass_fds=(theirs.fileno(),),
            check=True,
            timeout=_SETUP_SECONDS,
        )
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        return socket.socket(fileno=descriptors[0])


def _find_program(name: str, *, package: str) -> Path:
    path = shutil.which(name)
    if path is None:
        raise NoIsolation(f"{name} is not installed: apt-get install {package}")
    return Path(path)
