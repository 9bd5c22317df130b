"""``coding-agent webhook redeliver``: handle an event of GitHub that is in a file."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.aws import exit_on_aws_error, require_queue
from cli.command import CommandError, exit_on_settings_error, settings
from cli.output import Output, json_option
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.api.webhook.handler import Answer


@click.command("redeliver")
@click.argument("payload", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--event",
    required=True,
    metavar="KIND",
    help="The kind of the event, as GitHub shows it in the header X-GitHub-Event.",
)
@json_option("Print one JSON object: action, job_ids, reason.")
@click.pass_context
def command(ctx: click.Context, payload: str, event: str, output: Output) -> None:
    """Handle an event of GitHub as the worker's webhook does: queue its job, or cancel jobs.

    FILE has the payload as GitHub shows it under "Recent deliveries". An event that was handled
    before starts nothing again. It needs the worker's settings of GitHub, the queue and the store,
    but neither the webhook's secret nor the worker itself.

    \b
    Examples:
      coding-agent webhook redeliver event.json --event issues
      coding-agent webhook redeliver event.json --event issues --json
    """
    chosen = settings(ctx)
    queue_url = require_queue(chosen)
    body = Path(payload).read_bytes()
    from pipeline.api.problem import Refusal

    try:
        with exit_on_settings_error(), exit_on_aws_error():
            answer = asyncio.run(_handle(chosen, queue_url, event, body))
    except Refusal as refusal:
        raise CommandError(refusal.message) from None
    output.write(answer.model_dump(), _describe(answer))


async def _handle(chosen: Settings, queue_url: str, event: str, body: bytes) -> "Answer":
    from cli.backends import github_forge
    from cli.policy import known_policy
    from cli.stores import open_store
    from cli.webhook.assembly import github_webhook
    from pipeline.api.intake import Intake
    from pipeline.github.accounts import GithubAccounts
    from pipeline.queue import SqsQueue

    forge = github_forge(chosen)
    store = open_store(chosen)
    try:
        async with SqsQueue(queue_url, visibility_timeout=chosen.visibility_timeout) as queue:
            intake = Intake(store, queue.submit, known_policy(chosen).refusal, time.time)
            accounts = GithubAccounts(forge.connection)
            webhook = github_webhook(chosen, forge, accounts, intake)
            return await webhook.perform(await webhook.read(event, body))
    finally:
        store.close()


def _describe(answer: "Answer") -> str:
    details = answer.reason or ", ".join(answer.job_ids)
    return f"{answer.action}: {details}"
