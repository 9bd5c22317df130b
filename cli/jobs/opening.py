"""Open the store, and find the run that a command is about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from console.visible_text import visible

if TYPE_CHECKING:
    from pipeline.store.contract import RunRow
    from pipeline.store.reader import StoreReader
    from pipeline.store.store import RunStore


def open_store(ctx: click.Context) -> "StoreReader":
    """Open the store to look at it, until the command ends."""
    chosen = settings(ctx)
    from cli.stores import open_store_to_read

    with exit_on_settings_error():
        store = open_store_to_read(chosen)
    ctx.call_on_close(store.close)
    return store


def open_store_to_change(ctx: click.Context) -> "RunStore":
    """Open the store to change a run, until the command ends."""
    chosen = settings(ctx)
    from cli.stores import open_existing_store

    with exit_on_settings_error():
        store = open_existing_store(chosen)
    ctx.call_on_close(store.close)
    return store


def find_run(store: "StoreReader", text: str, generation: int | None = None) -> "RunRow":
    """Return the run that the argument JOB names; end the command if there is none, or several."""
    from console.runs.finding import AmbiguousName, NoSuchRun
    from console.runs.finding import find_run as find
    from console.runs.references import UnreadableReference

    try:
        return find(store, text, generation)
    except AmbiguousName as error:
        raise CommandError(f"{error}:\n{_describe_matches(error.matches)}", exits.USAGE) from None
    except NoSuchRun as error:
        raise CommandError(f"{error}; see: coding-agent jobs list", exits.USAGE) from None
    except UnreadableReference as error:
        raise CommandError(str(error), exits.USAGE) from None


def find_newest_run(store: "StoreReader", text: str) -> "RunRow":
    """Return the job's newest run, the one that can be cancelled or repeated; see ``find_run``."""
    run = find_run(store, text)
    newest = find_run(store, run.job_id)
    if newest.generation != run.generation:
        raise CommandError(
            f"generation {run.generation} of job {run.job_id!r} is not its newest one, which is"
            f" {newest.generation}: name the job alone",
            exits.USAGE,
        )
    return run


def _describe_matches(runs: Sequence["RunRow"]) -> str:
    lines = []
    for run in runs:
        status = run.outcome or run.state
        lines.append(f"  {run.job_id}  {visible(run.issue_url)}  {status}")
    lines.append("Give more characters of the id.")
    return "\n".join(lines)
