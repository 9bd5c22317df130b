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
        values = [_one_line(column.full(row)) for column in table.columns]
        click.echo("\t".join(values))


def print_for_people(table: Table[Row]) -> None:
    """Print a line a row, with headings and colors.

    On a very narrow terminal the lines are longer than it is wide: an id must not be cut.
    """
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    columns = [_PrintedColumn(column, table.rows) for column in table.columns]
    _fit(columns, shutil.get_terminal_size().columns)
    grid = Grid(box=None, header_style="bold", padding=(0, _GAP, 0, 0), pad_edge=False)
    for column in columns:
        grid.add_column(column.heading, no_wrap=True)
    for number in range(len(table.rows)):
        cells = []
        for column in columns:
            cells.append(Text(column.cells[number], column.styles[number]))
        grid.add_row(*cells)
    Console(highlight=False, width=_ANY_WIDTH).print(grid)


class _PrintedColumn:
    """The cells of a column as people see them."""

    def __init__(self, column: Column[Row], rows: Sequence[Row]):
        self.heading = column.heading
        self.cells = [_one_line(column.cell(row)) for row in rows]
        self.styles = [column.style(row) for row in rows]
        self._shorten = column.shorten

    @property
    def width(self) -> int:
        return max(len(text) for text in (self.heading, *self.cells))

    def cut_to(self, width: int) -> None:
        """Cut the cells to a width, but not below the least one."""
        if self._shorten is None:
            return
        width = max(width, _MIN_WIDTH)
        for number, cell in enumerate(self.cells):
            if len(cell) > width:
                self.cells[number] = self._shorten(cell, width)


def _fit(columns: Sequence[_PrintedColumn], width: int) -> None:
    """Cut columns so that the table has this width, if that is possible: the last one first."""
    gaps = _GAP * (len(columns) - 1)
    for column in reversed(columns):
        total = gaps + sum(other.width for other in columns)
        excess = total - width
        if excess > 0:
            column.cut_to(column.width - excess)


def cut(text: str, width: int) -> str:
    """Cut the end of a text off."""
    return f"{text[: width - 1]}…"


def _one_line(text: str) -> str:
    return visible(text).replace("\n", " ")
