"""The process of a session that answers its held calls and watches its memory and disk use.

It has the session's user id, so it can access exactly what the session may access. It is not
dumpable, so the session can't inspect it, and the filter refuses signals from the session to it.
"""

import contextlib
import os
import select
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from sandbox import SandboxCommand, proc, syscalls
from sandbox.limits import WATCH_SECONDS
from sandbox.ownership import SHARED_FOLDERS
from sandbox.uid.children import become_user
from sandbox.uid.connections import Connections
from sandbox.uid.inspection import find_refused
from sandbox.uid.monitor_reports import write_report
from sandbox.uid.protocol import SessionRequest, receive_to_end
from sandbox.uid.users import home_of
from sandbox.usage import Watch, WatchedSession

_MAX_HELD_CALLS = 128
"""Calls that are answered concurrently; each may block."""


@dataclass(frozen=True)
class MonitorEnds:
    """The monitor's ends of the session's pipes."""

    request_r: socket.socket
    listener_r: socket.socket
    report_w: int

    def descriptors(self) -> tuple[int, ...]:
        return (self.request_r.fileno(), self.listener_r.fileno(), self.report_w)


def run_monitor(uid: int, ends: MonitorEnds) -> NoReturn:
    """Monitor the session until the supervisor kills this process."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    become_user(uid)
    _, (listener,), _, _ = socket.recv_fds(ends.listener_r, 1, 1)
    request = SessionRequest.decode(receive_to_end(ends.request_r))
    connections = Connections(
        uid=uid,
        index_port=request.index_port,
        on_refused=lambda: write_report(ends.report_w, "refused", find_refused()),
    )
    watch = Watch(_watched(uid, request.command), request.command)
    threads = ThreadPoolExecutor(max_workers=_MAX_HELD_CALLS)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    last_measurement = time.monotonic()
    while True:
        for _, event in poll.poll(WATCH_SECONDS * 1000):
            if event & select.POLLIN:
                with contextlib.suppress(FileNotFoundError):  # its caller was killed
                    threads.submit(connections.answer, syscalls.Notification(listener))
            else:
                poll.unregister(listener)  # no process is left to make a call
        if time.monotonic() - last_measurement >= WATCH_SECONDS:
            _report(watch, ends.report_w)
            last_measurement = time.monotonic()


def _report(watch: Watch, report_w: int) -> None:
    exceeded = watch.exceeded()
    if exceeded is None:
        write_report(report_w, "alive")
    else:
        write_report(report_w, "exceeded", exceeded)


def _watched(uid: int, command: SandboxCommand) -> WatchedSession:
    shared_memory = Path(proc.SHARED_MEMORY)
    shared_folders = [Path(path) for path in SHARED_FOLDERS]
    candidates = (home_of(uid), *shared_folders, *command.writable)
    return WatchedSession(
        uid=uid,
        contains=lambda pid, status: proc.real_user_id(status) == uid and pid != os.getpid(),
        folders=tuple(folder for folder in candidates if folder != shared_memory),
        files_in_memory=lambda: proc.disk_use([shared_memory], uid),
    )
