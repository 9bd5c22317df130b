"""Long text goes through the user's pager on a terminal, and only there."""

import re

from tests.cli.console import Console
from tests.cli.terminal import run_on_terminal
from tests.stand_ins.example_runs import opened_pull_request
from tests.stand_ins.runs import job


def test_a_terminal_gets_the_text_through_the_pager(console: Console) -> None:
    opened_pull_request(console.data_dir)
    pager = f"tee {console.folder / 'paged'}"
    code, _ = run_on_terminal(console.folder, "jobs", "diff", job().id, PAGER=pager)
    assert code == 0
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
