"""``coding-agent worker``: the service."""

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.aws import require_queue
from cli.command import CommandError, exit_on_settings_error, settings
from cli.log_lines import FORMATS, LogFormat, choose_form
from cli.missing import FASTAPI, UVICORN, describe_missing, require_package
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.engine.deps import Progress

log = logging.getLogger("coding_agent.run")

_DETAIL_WIDTH = 500


@click.command("worker")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), help="Instead of CODING_AGENT_CONCURRENCY."
)
@click.option("--model", help="Instead of CODING_AGENT_MODEL.")
@click.option(
    "--log",
    "log_format",
    type=click.Choice(FORMATS),
    default="auto",
    show_default=True,
    help="Log lines on standard error; auto is text on a terminal, and JSON elsewhere.",
)
@click.pass_context
def command(
    ctx: click.Context, concurrency: int | None, model: str | None, log_format: LogFormat
) -> None:
    """Take jobs from the queue and run them until stopped.

    It first asks GitHub and AWS, as `doctor` does, and ends with 2 if one of them refuses. It logs
    an outage, and waits until it is over.

    SIGTERM and SIGINT stop it cleanly: it returns its messages to the queue at once, and another
    worker resumes its runs from their last checkpoints.

    \b
    Examples:
      coding-agent worker
      coding-agent worker --concurrency 4 --log text
    """
    chosen = settings(ctx, concurrency=concurrency, model=model)
    from pipeline import telemetry
    from pipeline.settings import SettingsError, secret_values

    telemetry.configure(form=choose_form(log_format), secrets=secret_values(chosen))
    require_queue(chosen)
    if not chosen.topic_arn:
        raise CommandError(describe_missing("CODING_AGENT_TOPIC_ARN"), exits.USAGE)
    from botocore.exceptions import BotoCoreError

    with exit_on_settings_error():
        require_package(FASTAPI)
        require_package(UVICORN)
        try:
            asyncio.run(serve(chosen))
        except BotoCoreError as error:  # at the start only: later, the worker waits for AWS
            raise SettingsError(f"AWS can't be reached: {error}") from error


async def serve(chosen: Settings) -> None:
    from cli import backends, serving, wiring
    from cli.start_checks import require_sandbox, require_services
    from cli.tracing import open_tracer
    from pipeline.settings import secret_values
    from pipeline.telemetry import Redactor

    forge = backends.github_forge(chosen)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with open_tracer(Redactor(secret_values(chosen))) as tracer:
        app = wiring.build(chosen, forge, observer=_log_progress, tracer=tracer)
        try:
            # LiteLLM takes seconds to import: that must not count against a message's visibility.
            await asyncio.to_thread(wiring.check_models, app)
            await asyncio.to_thread(require_services, chosen)
            await require_sandbox(app.sandbox)
            await serving.serve(app, stop)
        finally:
            app.store.close()


def _log_progress(progress: "Progress") -> None:
    from pipeline import telemetry

    if progress.kind == "status":
        return
    fields: dict[str, str | float] = {
        "round": progress.round,
        "stage": progress.stage,
        "kind": progress.kind,
        "seconds": progress.seconds,
    }
    with telemetry.bound(job_id=progress.job_id, generation=progress.generation, **fields):
        detail = progress.detail[:_DETAIL_WIDTH]
        log.info("%s %s %s", progress.stage or "run", progress.kind, detail)
