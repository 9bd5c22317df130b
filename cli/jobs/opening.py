"""Open the store, and find the run that a command is about."""

from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings

if TYPE_CHECKING:
    from pipeline.store.contract import RunRow
    from pipeline.store.store import RunStore


def open_store(ctx: click.Context) -> "RunStore":
    chosen = settings(ctx)
    from cli.backends import open_existing_store

    with exit_on_settings_error():
        store = open_existing_store(chosen)
    ctx.call_on_close(store.close)
    return store


def find_run(store: "RunStore", job_id: str, generation: int | None = None) -> "RunRow":
    run = store.run(job_id, generation)
    if run is None:
        description = "job" if generation is None else f"generation {generation} of job"
        raise CommandError(
            f"there is no {description} {job_id!r} in this store; see: coding-agent jobs list",
            exits.USAGE,
        )
    return run
