"""The process of a session that confines itself and then executes the command."""

import errno
import os
import socket
import struct
from dataclasses import dataclass
from typing import NoReturn

from sandbox import SandboxCommand, syscalls
from sandbox.environment import base_environment
from sandbox.limits import UMASK, limit_this_process
from sandbox.seccomp import HAND_OVER_FLAGS, assemble_closing_filter, assemble_filter
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
    listener_w: socket.socket

    def descriptors(self) -> tuple[int, ...]:
        return (self.request_r.fileno(), self.listener_w.fileno())


def run_target(uid: int, monitor: int, ends: TargetEnds) -> NoReturn:
    """Confine this process; once a request arrives, execute its command."""
    _leave_keyring()
    limit_this_process()
    os.umask(UMASK)
    become_user(uid)
    _install_filters(monitor, ends.listener_w)
    _, descriptors, _, _ = socket.recv_fds(ends.request_r, 1, 1)
    command = SessionRequest.decode(receive_to_end(ends.request_r)).command
    os.chdir(command.cwd)
    for stream in (_STDOUT, _STDERR):
        os.dup2(descriptors[0], stream)
    close_inherited()
    _execute(command, uid)


def _install_filters(monitor: int, listener_w: socket.socket) -> None:
    """Install the filter of the session, and hand its listener for held calls to the monitor."""
    processor = this_processor()
    listener = syscalls.install_listening_filter(assemble_filter(processor, monitor=monitor))
    # Not socket.send_fds(), which ignores its flags.
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("=i", listener))
    listener_w.sendmsg([b"l"], [rights], HAND_OVER_FLAGS)
    syscalls.install_filter(assemble_closing_filter(processor))


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
