"""Follow a run on the terminal until it ends."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings

if TYPE_CHECKING:
    from console.runs.watching import RunWatch
    from pipeline.engine.deps import Progress
    from pipeline.outcome import RunResult
    from pipeline.store.contract import RunRow
    from pipeline.store.reader import StoreReader

_SECONDS_BETWEEN_POLLS = 2.0


def pause() -> None:
    """Wait before the store is asked again."""
    time.sleep(_SECONDS_BETWEEN_POLLS)


def open_watch(
    ctx: click.Context, store: "StoreReader", find_run: "Callable[[], RunRow | None]"
) -> "RunWatch":
    """Return what follows a run; ``find_run`` returns it as it is stored now, or None."""
    from cli.backends import open_artifacts
    from console.runs.watching import RunWatch
    from pipeline.settings import secret_values
    from pipeline.telemetry import Redactor

    chosen = settings(ctx)
    with exit_on_settings_error():
        artifacts = open_artifacts(chosen)
    redact = Redactor(secret_values(chosen))
    return RunWatch(store, artifacts, find_run, redact=redact, clock=time.time)


def follow(watch: "RunWatch", job_id: str, *, as_json: bool) -> int:
    """Print what happens in a run until it ends, and how it ended.

    Args:
        watch: follows the run.
        job_id: names the run's job to a person.
        as_json: print each report, and at the end the result, as a JSON object on a line.

    Returns:
        The exit code for the run's outcome.

    Raises:
        CommandError: it was interrupted, and the run goes on; or another version stored its result.
    """
    from cli.progress import Printer, print_result

    printer = Printer(stderr=False)
    show: Callable[[Progress], None] = _print_json if as_json else printer
    try:
        _poll_until_ended(watch, show)
    except KeyboardInterrupt:
        message = (
            "stopped watching; the run goes on. Watch it again with: coding-agent jobs watch"
            f" {job_id}"
        )
        raise CommandError(message, exits.INTERRUPTED) from None
    finally:
        printer.stop()
    result = _read_result(watch)
    if as_json:
        click.echo(result.model_dump_json())
    else:
        print_result(result)
    return exits.of(result.outcome)


def _poll_until_ended(watch: "RunWatch", show: "Callable[[Progress], None]") -> None:
    says_that_it_waits = False
    while True:
        for progress in watch.poll():
            show(progress)
        if watch.has_ended:
            return
        if watch.run is None and not says_that_it_waits:
            click.echo("no worker has taken the job yet", err=True)
            says_that_it_waits = True
        pause()


def _print_json(progress: "Progress") -> None:
    click.echo(json.dumps(asdict(progress)))


def _read_result(watch: "RunWatch") -> "RunResult":
    from console.runs.run_result import parse_result

    if watch.run is None:
        raise ValueError("the run has not ended")
    result = parse_result(watch.run)
    if result is None:
        raise CommandError(
            f"the run has ended as {watch.run.outcome}, but its result is from another version"
        )
    return result
