"""``coding-agent jobs export``."""

import sqlite3
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO, TypeVar, get_args

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.jobs.opening import open_store
from cli.new_file import create_file
from cli.output import styled_console
from cli.times import since_option
from repository.counts import count

if TYPE_CHECKING:
    from pipeline.store.reader import StoreReader

Format = Literal["jsonl", "csv", "sqlite"]
Row = TypeVar("Row")
#: Rows between two updates of the progress.
_PROGRESS_ROWS = 100


@click.command("export")
@click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(Format)),
    default="jsonl",
    show_default=True,
    help="A JSON object a line; a table for spreadsheets; or a database with all tables.",
)
@click.option(
    "--output",
    "path",
    type=click.Path(path_type=Path),
    help=(
        "The file to write, - for standard output, which is the default. An earlier export as a"
        " database is replaced, any other file is not."
    ),
)
@since_option
@click.pass_context
def command(ctx: click.Context, format_: Format, path: Path | None, since: float | None) -> None:
    """Write the history of all runs, newest first: outcomes, proofs, models, costs, times.

    The database also has the calls of models, stages, rounds and tests. docs/history.md describes
    each column.

    \b
    Examples:
      coding-agent jobs export --since 30d | jq -r '[.repository, .cost_usd] | @tsv'
      coding-agent jobs export --format csv --output runs.csv
      coding-agent jobs export --format sqlite --output history.db
    """
    if path == Path("-"):
        path = None
    if format_ == "sqlite":
        if path is None:
            raise click.UsageError("--format sqlite needs --output FILE")
        _export_database(ctx, path, since)
        return
    store = open_store(ctx)
    if path is None:
        _export_text(store, since, format_, sys.stdout)
        return
    with create_file(path) as file:
        _export_text(store, since, format_, file)


def _export_text(
    store: "StoreReader", since: float | None, format_: Literal["jsonl", "csv"], file: TextIO
) -> None:
    from console.history.runs import each_run_record
    from console.history.text_exports import write_csv, write_json_lines

    # On one terminal, a spinner would overwrite rows.
    records = _counted(each_run_record(store, since=since), with_spinner=not file.isatty())
    if format_ == "csv":
        write_csv(records, file)
    else:
        write_json_lines(records, file)


def _export_database(ctx: click.Context, path: Path, since: float | None) -> None:
    from cli.backends import open_artifacts
    from console.history.parts import PartReader
    from console.history.sqlite_export import NotAnExport, check_replaceable, export_sqlite

    try:
        check_replaceable(path)
        store = open_store(ctx)
        with exit_on_settings_error():
            artifacts = open_artifacts(settings(ctx))
        rows = _counted(store.each_run(since=since), with_spinner=True)
        export_sqlite(rows, PartReader(store, artifacts), path)
    except NotAnExport as error:
        raise CommandError(f"--output: {error}", exits.USAGE) from None
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}", exits.USAGE) from None
    except sqlite3.Error as error:  # a full disk, or a store that is locked
        raise CommandError(f"{path} was not written: {error}") from None


def _counted(rows: Iterable[Row], *, with_spinner: bool) -> Iterator[Row]:
    """Yield the rows; say on standard error how many there were, and meanwhile beside a spinner."""
    console = styled_console(stderr=True)
    console.quiet = not with_spinner
    number = 0
    with console.status("reading the history") as status:
        for row in rows:
            yield row
            number += 1
            if number % _PROGRESS_ROWS == 0:
                status.update(f"{count(number, 'run')} exported")
    click.echo(f"{count(number, 'run')} exported", err=True)
