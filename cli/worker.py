"""``coding-agent worker``: the service."""

import asyncio
import logging
import signal

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from pipeline.settings import Settings


@click.command("worker")
@click.option(
    "--concurrency", type=click.IntRange(1, 64), help="Instead of CODING_AGENT_CONCURRENCY."
)
@click.option("--model", help="Instead of CODING_AGENT_MODEL.")
@click.option(
    "--log",
    "log_format",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="How log lines look, on standard error.",
)
@click.pass_context
def command(
    ctx: click.Context, concurrency: int | None, model: str | None, log_format: str
) -> None:
    """Take jobs from the queue and run them, until told to stop.

    SIGTERM and SIGINT stop it cleanly: what it had received is given back at once, and its runs go on elsewhere from
    their last checkpoint.

    \b
    Examples:
      coding-agent worker
      coding-agent worker --concurrency 4 --log text
    """
    chosen = settings(ctx, concurrency=concurrency, model=model)
    from cli.wiring import needs
    from pipeline import telemetry
    from pipeline.settings import SettingsError, secret_values

    telemetry.configure(as_json=log_format == "json", secrets=secret_values(chosen))
    if not chosen.queue_url:
        raise CommandError(
            "CODING_AGENT_QUEUE_URL is not set: the SQS queue to take jobs from", exits.USAGE
        )
    if not chosen.topic_arn:
        raise CommandError(
            "CODING_AGENT_TOPIC_ARN is not set: the SNS topic for events", exits.USAGE
        )
    with exit_on_settings_error():
        needs("aioboto3", "aws")
        from botocore.exceptions import BotoCoreError

        try:
            asyncio.run(serve(chosen))
        except BotoCoreError as error:  # once it works, it waits for an AWS that does not answer
            raise SettingsError(f"AWS can't be asked: {error}") from error


async def serve(chosen: Settings) -> None:
    from cli import wiring
    from pipeline import telemetry
    from pipeline.engine.deps import Progress

    log = logging.getLogger("coding_agent.run")

    def observe(progress: Progress) -> None:
        told: dict[str, str | float] = {
            "round": progress.round,
            "stage": progress.stage,
            "kind": progress.kind,
            "seconds": progress.seconds,
        }
        with telemetry.bound(job_id=progress.job_id, generation=progress.generation, **told):
            log.info("%s %s %s", progress.stage or "run", progress.kind, progress.detail[:500])

    app = wiring.build(chosen, wiring.github_forge(chosen), observer=observe)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        # LiteLLM takes seconds to import; a message's visibility must not pay for it.
        await asyncio.to_thread(wiring.check_models, app)
        await wiring.serve(app, stop)
    finally:
        app.store.close()
