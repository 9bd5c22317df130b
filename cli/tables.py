"""Tables of results: for people, cut to the terminal's width, or for programs, with full values."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import click

from console.visible_text import visible

Row = TypeVar("Row")
#: Characters to which a column may be cut.
_MIN_WIDTH = 8
_GAP = 2
#: For rich, which would cut columns to fit.
_ANY_WIDTH = 10_000


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
    shorten: Callable[[str, int], str] | None = None
    """Cuts a cell to a width if the table is wider than the terminal; None for never."""


@dataclass(frozen=True)
class Table(Generic[Row]):
    """Results of a command, one a row."""

    rows: Sequence[Row]
    columns: Sequence[Column[Row]]
    payload: Callable[[Row], Mapping[str, Any]]
    """Makes a row's JSON object."""


def print_for_programs(table: Table[Row]) -> None:
    """Print a line a row, without headings, its full values separated by tabs."""
    for row in table.rows:
        click.echo("\t".join(_one_line(column.full(row)) for column in table.columns))


def print_for_people(table: Table[Row]) -> None:
    """Print a line a row, with headings and colors.

    On a very narrow terminal the lines are longer than it is wide: an id must not be cut.
    """
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, header_style="bold", padding=(0, _GAP, 0, 0), pad_edge=False)
    for column in table.columns:
        grid.add_column(column.heading, no_wrap=True)
    cells_of_rows = _cells_within(table, shutil.get_terminal_size().columns)
    for row, cells in zip(table.rows, cells_of_rows, strict=True):
        styled = []
        for column, cell in zip(table.columns, cells, strict=True):
            styled.append(Text(cell, style=column.style(row)))
        grid.add_row(*styled)
    Console(highlight=False, width=_ANY_WIDTH).print(grid)


def _cells_within(table: Table[Row], width: int) -> list[list[str]]:
    """Return the cells of each row, cut so that the table has this width, if that is possible.

    The last column that may be cut is cut first.
    """
    rows = [[_one_line(column.cell(row)) for column in table.columns] for row in table.rows]
    widths = []
    for index, column in enumerate(table.columns):
        widths.append(max(len(column.heading), *(len(cells[index]) for cells in rows)))
    excess = sum(widths) + _GAP * (len(widths) - 1) - width
    for index in reversed(range(len(widths))):
        shorten = table.columns[index].shorten
        if excess <= 0 or shorten is None:
            continue
        target = max(widths[index] - excess, min(widths[index], _MIN_WIDTH))
        excess -= widths[index] - target
        for cells in rows:
            if len(cells[index]) > target:
                cells[index] = shorten(cells[index], target)
    return rows


def cut(text: str, width: int) -> str:
    """Cut the end of a text off."""
    return f"{text[: width - 1]}…"


def _one_line(text: str) -> str:
    return visible(text).replace("\n", " ")
