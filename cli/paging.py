"""Long text: through the user's pager on a terminal, as it is otherwise."""

import os
from typing import TYPE_CHECKING

import click

from cli.output import styled_console
from console.visible_text import visible

if TYPE_CHECKING:
    from rich.text import Text

#: As git sets it: text that fits on the screen is printed, colors stay, and the text is still there
#: when the pager has ended (https://git-scm.com/docs/git-config#Documentation/git-config.txt-corepager).
_LESS = "FRX"
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_HEADER_STYLE = "bold"
_HEADERS = ("diff ", "index ", "--- ", "+++ ", "new file", "deleted file", "similarity", "rename")


def show(text: "Text") -> None:
    """Print text: styled and through the pager on a terminal, else plain.

    The pager is $PAGER, or less.
    """
    console = styled_console()
    if not console.is_terminal:
        console.print(text, end="")
        return
    with console.capture() as capture:
        console.print(text, end="")
    os.environ.setdefault("LESS", _LESS)
    click.echo_via_pager(capture.get(), color=console.color_system is not None)


def show_bytes(data: bytes, text: "Text") -> None:
    """Print ``data`` byte for byte to a pipe or a file; on a terminal, show ``text`` for it."""
    if styled_console().is_terminal:
        show(text)
    else:
        click.echo(data, nl=False)


def plain_text(text: str) -> "Text":
    """Return a stranger's text, ending with a line feed, in which nothing else has an effect."""
    from rich.text import Text

    return Text(visible(text).rstrip("\n") + "\n")


def diff_text(patch: str) -> "Text":
    """Return a patch with the colors of git."""
    from rich.text import Text

    text = Text()
    for line in visible(patch).rstrip("\n").split("\n"):
        style = _DIFF_STYLES.get(line[:1], "")
        if line.startswith(_HEADERS):
            style = _HEADER_STYLE
        text.append(f"{line}\n", style)
    return text
