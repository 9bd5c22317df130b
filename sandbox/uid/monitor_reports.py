"""The lines that the monitor of a session writes to the session's supervisor.

alive               the session was measured, and is within its limits
exceeded LIMIT      it exceeded its limit on ``memory`` or ``disk``, or the machine's disk is full
refused CALL        the monitor may not inspect the session: see ``inspection``
"""

import os
from dataclasses import dataclass
from typing import Literal

Kind = Literal["alive", "exceeded", "refused"]

_PIPE_BYTES = 64 * 1024
"""The capacity of a pipe: what is in it is read at once, so that no line is divided."""


@dataclass(frozen=True)
class MonitorReports:
    exceeded: str | None = None
    refused: str | None = None
    """One of ``inspection.Refused``."""


def write_report(report_w: int, kind: Kind, detail: str = "") -> None:
    os.write(report_w, f"{kind} {detail}\n".encode())


def read_reports(report_r: int) -> MonitorReports:
    """Read what has been written since the last call, which may be nothing."""
    exceeded: str | None = None
    refused: str | None = None
    try:
        text = os.read(report_r, _PIPE_BYTES).decode()
    except BlockingIOError:
        text = ""
    for line in text.splitlines():
        kind, _, detail = line.partition(" ")
        if kind == "exceeded":
            exceeded = exceeded or detail
        elif kind == "refused":
            refused = refused or detail
    return MonitorReports(exceeded, refused)
