"""Print a command's result: JSON lines for programs, text or a table for people.

Commands take an ``Output`` from ``json_option``. Results go to standard output and everything else
to standard error. Colors follow NO_COLOR and plain pipes, as rich does.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from console.visible_text import visible

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])
Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table."""

    heading: str
    cell: Callable[[Row], str]
    """What people see on a terminal."""
    full: Callable[[Row], str]
    """What programs read from a pipe."""
    style: Callable[[Row], str] = lambda _row: ""
    """The cell's color, in rich's words."""
    may_shrink: bool = False
    """Whether its cells are cut if the table is wider than the terminal."""


@dataclass(frozen=True)
class Table(Generic[Row]):
    """Results of a command, one a row."""

    rows: Sequence[Row]
    columns: Sequence[Column[Row]]
    payload: Callable[[Row], Mapping[str, Any]]
    """Makes a row's JSON object."""


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

    def write_table(self, table: "Table[Row]", *, if_empty: str) -> None:
        """Print each row: as a JSON object on a line, on a terminal as a table that fits its width,
        else with full values, separated by tabs and without headings.
        """
        if self.as_json:
            for row in table.rows:
                click.echo(json.dumps(table.payload(row)))
        elif not table.rows:
            click.echo(if_empty, err=True)
        elif sys.stdout.isatty():
            _print_for_people(table)
        else:
            for row in table.rows:
                click.echo("\t".join(_one_line(column.full(row)) for column in table.columns))

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


def _print_for_people(table: "Table[Row]") -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in table.columns:
        grid.add_column(column.heading, no_wrap=not column.may_shrink)
    for row in table.rows:
        cells = []
        for column in table.columns:
            text = _one_line(column.cell(row))
            cells.append(Text(text, style=column.style(row), no_wrap=True, overflow="ellipsis"))
        grid.add_row(*cells)
    Console(highlight=False).print(grid)


def _one_line(text: str) -> str:
    return visible(text).replace("\n", " ")
