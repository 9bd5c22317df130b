"""Print a command's result: JSON lines for programs, text or a table for people.

Commands take an ``Output`` from ``json_option``. Results go to standard output and everything else
to standard error. Colors follow NO_COLOR and plain pipes, as rich does.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Output:
    """Where and how a command prints its results."""

    as_json: bool

    def write(self, payload: Mapping[str, Any], text: str) -> None:
        """Print one result: ``payload`` as a JSON object on a line, or ``text``."""
        click.echo(json.dumps(payload) if self.as_json else text)

    def write_styled(self, payload: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Print one result: ``payload`` as a JSON object on a line, or ``lines`` of rich markup."""
        if self.as_json:
            click.echo(json.dumps(payload))
            return
        console = styled_console()
        for line in lines:
            console.print(line)

    def write_table(
        self,
        payloads: Sequence[Mapping[str, Any]],
        columns: Mapping[str, Callable[[Mapping[str, Any]], str]],
        *,
        if_empty: str,
    ) -> None:
        """Print each payload as a JSON object on a line, or all as a table. ``columns`` maps each
        heading to the function that makes its cell from a payload.
        """
        if self.as_json:
            for payload in payloads:
                click.echo(json.dumps(payload))
            return
        from rich.console import Console

        content: Any = _table(payloads, columns) if payloads else if_empty
        Console(highlight=False).print(content)

    def note(self, text: str) -> None:
        """Print text that is not a result: to standard error if results are printed as JSON."""
        click.echo(text, err=self.as_json)


def json_option(help: str = "Print one JSON object a line.") -> Callable[[Command], Command]:
    """Add ``--json`` to a command, which gets an ``Output`` as its parameter ``output``."""
    return click.option(
        "--json",
        "output",
        is_flag=True,
        callback=lambda _context, _parameter, as_json: Output(as_json),
        help=help,
    )


def styled_console(*, stderr: bool = False, quiet: bool = False) -> "Console":
    """Return a rich console that prints markup without wrapping or highlighting it."""
    from rich.console import Console

    return Console(stderr=stderr, quiet=quiet, highlight=False, soft_wrap=True)


def _table(
    payloads: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Callable[[Mapping[str, Any]], str]],
) -> Any:
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for payload in payloads:
        cells = [cell(payload) for cell in columns.values()]
        table.add_row(*cells)
    return table
