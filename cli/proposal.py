"""Show a proposed change at the end of ``fix``: the diff, and the command that takes it over."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from cli.output import styled_console
from console.visible_text import visible
from pipeline.outcome import RunResult

#: Lines of a diff that are shown; the whole patch is in the artifact that is named above it.
MAX_LINES = 200
_COLORS = {"+": "green", "-": "red", "@": "cyan"}


def print_proposal(result: RunResult, repo: Path | None) -> None:
    """Print the diff of a proposed change and the next command. ``repo`` is the local repository.

    Raises:
        OSError: the patch can't be read.
    """
    address = result.artifacts.get("patch")
    if address is None:
        return
    with urlopen(address) as file:  # noqa: S310 (our own address: file:, or presigned)
        patch = file.read().decode(errors="replace")
    console = styled_console()
    console.print()
    for line in _shown_lines(patch):
        console.print(line)
    command = _next_command(result, repo)
    if command is not None:
        console.print(f"\nNext: {visible(command)}", markup=False)


def _shown_lines(patch: str) -> Iterator[str]:
    """Yield the first lines of the diff as rich markup."""
    from rich.markup import escape

    lines = patch.splitlines()
    for line in lines[:MAX_LINES]:
        text = escape(visible(line))
        color = _COLORS.get(line[:1])
        yield f"[{color}]{text}[/]" if color else text
    if len(lines) > MAX_LINES:
        yield f"... {len(lines) - MAX_LINES} more lines"


def _next_command(result: RunResult, repo: Path | None) -> str | None:
    if repo is None:
        return None
    git = f"git -C {shlex.quote(str(repo))}"
    if result.branch:
        return f"{git} switch {result.branch}"
    patch = unquote(urlsplit(result.artifacts["patch"]).path)
    return f"{git} apply {shlex.quote(patch)}"
