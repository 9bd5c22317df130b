"""Long text goes through the user's pager on a terminal, and only there."""

import os
import pty
import re
import subprocess

from tests.cli.console import COMMAND, ROOT, Console
from tests.stand_ins.example_runs import opened_pull_request
from tests.stand_ins.runs import job


def test_a_terminal_gets_the_text_through_the_pager(console: Console) -> None:
    opened_pull_request(console.data_dir)
    terminal, terminal_end = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "jobs", "diff", job().id],
        stdin=terminal_end,
        stdout=terminal_end,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm-256color",
            "PAGER": f"tee {console.folder / 'paged'}",
        },
        cwd=console.folder,
    )
    os.close(terminal_end)
    while _read(terminal):
        pass
    os.close(terminal)
    assert process.wait(30) == 0
    paged = (console.folder / "paged").read_text()
    assert "\x1b[32m" in paged
    plain = re.sub(r"\x1b\[[0-9;]*m", "", paged)
    assert "+        end += timedelta(days=1)\n" in plain


def test_a_pipe_gets_the_text_itself(console: Console) -> None:
    opened_pull_request(console.data_dir)
    process = console.process("jobs", "diff", job().id)
    output, _ = process.communicate(timeout=30)
    assert "+        end += timedelta(days=1)\n" in output
    assert "\x1b" not in output


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux raises it when the other side has closed
        return b""
