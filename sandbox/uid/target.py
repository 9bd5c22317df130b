"""The process of a session that confines itself and then executes the command."""

import errno
import os
import socket
from dataclasses import dataclass
from typing import NoReturn

from sandbox import SandboxCommand, syscalls
from sandbox.environment import base_environment
from sandbox.limits import UMASK, limit_this_process
from sandbox.seccomp import assemble_filter
from sandbox.syscall_table import this_processor
from sandbox.uid.children import SETUP_FAILED, become_user, close_inherited
from sandbox.uid.protocol import SessionRequest, receive_to_end
from sandbox.uid.users import home_of, temporary_folder_of

_NO_SUCH_PROGRAM = 127
_STDOUT = 1
_STDERR = 2


@dataclass(frozen=True)
class TargetEnds:
    """The target's ends of the session's pipes."""

    request_r: socket.socket
    ready_w: int
    go_r: int

    def descriptors(self) -> tuple[int, ...]:
        return (self.request_r.fileno(), self.ready_w, self.go_r)


def run_target(uid: int, monitor: int, ends: TargetEnds) -> NoReturn:
    """Confine this process; once a request arrives, execute its command."""
    _leave_keyring()
    limit_this_process()
    os.umask(UMASK)
    become_user(uid)
    # The monitor has the same user id, but may inspect dumpable processes only.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    listener = syscalls.install_filter(assemble_filter(this_processor(), monitor=monitor))
    os.write(ends.ready_w, f"{os.getpid()} {listener}".encode())
    if os.read(ends.go_r, 1) != b"g":
        raise OSError("the monitor did not start")

    _, descriptors, _, _ = socket.recv_fds(ends.request_r, 1, 1)
    command = SessionRequest.decode(receive_to_end(ends.request_r)).command
    os.chdir(command.cwd)
    for stream in (_STDOUT, _STDERR):
        os.dup2(descriptors[0], stream)
    close_inherited()
    _execute(command, uid)


def _leave_keyring() -> None:
    try:
        syscalls.join_new_session_keyring()
    except OSError as error:
        # If a container's own filter refuses keyrings, there is none to inherit, either.
        if error.errno not in (errno.EPERM, errno.ENOSYS):
            raise


def _execute(command: SandboxCommand, uid: int) -> NoReturn:
    program = command.argv[0]
    home = command.home or home_of(uid)
    temporary = command.temporary or temporary_folder_of(uid)
    environment = base_environment(home, temporary)
    environment.update(command.environment)
    try:
        os.execvpe(program, command.argv, environment)  # noqa: S606 - no shell is meant
    except OSError as error:
        os.write(_STDERR, f"{program}: {error.strerror}\n".encode())
        missing = isinstance(error, FileNotFoundError)
        os._exit(_NO_SUCH_PROGRAM if missing else SETUP_FAILED)
