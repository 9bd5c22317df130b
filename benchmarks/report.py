"""The output of every benchmark: a table for people, and one JSON document."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

#: Columns of a table that is not printed on a terminal.
_REDIRECTED_WIDTH = 240


def report(
    benchmark: str, summary: dict[str, float], rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the document. Shares are 0 to 1, times in seconds, money in US dollars; ``summary`` is
    flat.
    """
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {
        "benchmark": benchmark,
        "commit": commit(),
        "machine": machine,
        "summary": summary,
        "rows": list(rows),
    }


def commit() -> str:
    """Return this project's commit, with ``+changes`` if the work tree differs from it; empty
    outside a checkout.
    """
    head = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain")
    return f"{head}+changes" if changes else head


def write(document: dict[str, Any], file: Path | None) -> None:
    if file is not None:
        text = json.dumps(document, indent=1, ensure_ascii=False)
        file.write_text(f"{text}\n", encoding="utf-8")


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
        console = Console(file=console.file, width=_REDIRECTED_WIDTH)
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in lines:
        cells = [_cell(value) for value in line]
        table.add_row(*cells)
    console.print(table)
    parts = [f"{name} {_cell(value)}" for name, value in summary.items()]
    console.print("  ".join(parts), highlight=False)


def _cell(value: object) -> str:
    """Return a value as text, without markup: reasons contain brackets."""
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, float):
        text = f"{value:.3f}".rstrip("0").rstrip(".")
    return text.replace("[", "\\[")


def _git(*arguments: str) -> str:
    here = Path(__file__).resolve().parent
    result = subprocess.run(
        ["git", *arguments], cwd=here, capture_output=True, text=True, check=False
    )
    return result.stdout.strip()
