"""Print a command's result: JSON lines for programs, text or a table for people.

Commands take an ``Output`` from ``json_option``. Results go to standard output and everything else
to standard error. Colors follow NO_COLOR and plain pipes, as rich does.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.tables import Row, Table, print_for_people, print_for_programs

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

    def write_table(self, table: Table[Row], *, if_empty: str) -> None:
        """Print each row: as a JSON object on a line, on a terminal as a table that fits its width,
        else with full values, separated by tabs and without headings.
        """
        if self.as_json:
            for row in table.rows:
                click.echo(json.dumps(table.payload(row)))
        elif not table.rows:
            click.echo(if_empty, err=True)
        elif sys.stdout.isatty():
            print_for_people(table)
        else:
            print_for_programs(table)

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
    """Return a rich console that prints markup without wrapping or highlighting it.

    It leaves ``:names:`` as they are, which may be parts of ARNs and of other people's text.
    """
    from rich.console import Console

    return Console(stderr=stderr, quiet=quiet, highlight=False, emoji=False, soft_wrap=True)
