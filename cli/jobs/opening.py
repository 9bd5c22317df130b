"""Open the store, and find the run that a command is about."""

from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings

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


def find_run(store: "StoreReader", job_id: str, generation: int | None = None) -> "RunRow":
    run = store.run(job_id, generation)
    if run is None:
        description = "job" if generation is None else f"generation {generation} of job"
        raise CommandError(
            f"there is no {description} {job_id!r} in this store; see: coding-agent jobs list",
            exits.USAGE,
        )
    return run
