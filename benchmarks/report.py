"""What every benchmark hands on: a table for a person, and one JSON document."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def report(
    benchmark: str, summary: dict[str, float], rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Shares are 0 to 1, times in seconds, money in US dollars; ``summary`` is flat."""
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {
        "benchmark": benchmark,
        "commit": commit(),
        "machine": machine,
        "summary": summary,
        "rows": list(rows),
    }


def commit() -> str:
    """This project's commit, with ``+changes`` where the work tree differs from it; empty outside a
    checkout.
    """
    here = Path(__file__).resolve().parent
    head, state = (
        subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=False
        ).stdout.strip()
        for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain"))
    )
    return head + ("+changes" if state else "")


def write(told: dict[str, Any], file: Path | None) -> None:
    if file is not None:
        file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def show(
    title: str,
    columns: Sequence[str],
    lines: Sequence[Sequence[object]],
    summary: dict[str, float],
    *,
    console: Console | None = None,
) -> None:
    """Print the table, then the summary in one line. A redirected table is as wide as it needs."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=240)
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(*(_plain(value) for value in line))
    console.print(table)
    console.print(
        "  ".join(f"{name} {_plain(value)}" for name, value in summary.items()), highlight=False
    )


def _plain(value: object) -> str:
    """No markup: reasons hold brackets."""
    if value is None:
        return ""
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text.replace("[", "\\[")
