"""``coding-agent queue``: how much there is to do."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cli.command import exit_on_settings_error, settings
from cli.options import clock, exit_on_aws_error, queue_url

if TYPE_CHECKING:
    from pipeline.store.contract import RunStore

#: Runs that are looked at, the newest first.
COUNTED = 10_000


@click.group("queue")
def command() -> None:
    """Count what waits, what is in work, and how runs ended.

    \b
    Example:
      coding-agent queue stats
    """


@command.command("stats")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def stats(ctx: click.Context, as_json: bool) -> None:
    """Count both queues' messages and the store's runs, and name the oldest unfinished run.

    The queues' figures are SQS's approximate ones.

    \b
    Examples:
      coding-agent queue stats
      coding-agent queue stats --json | jq .dead_letters.visible
    """
    url = queue_url(ctx)
    chosen = settings(ctx)
    from cli.wiring import open_store

    with exit_on_aws_error():
        told = asyncio.run(_depths(url))
    with exit_on_settings_error():
        store = open_store(chosen)
    ctx.call_on_close(store.close)
    told |= _runs(store)
    if as_json:
        click.echo(json.dumps(told))
        return
    for name in ("queue", "dead_letters"):
        said = (
            "{visible} visible, {in_flight} in flight, {delayed} delayed".format(**told[name])
            if told[name]
            else ""
        )
        click.echo(f"{name.replace('_', ' '):<18} {said or 'there is no such queue'}")
    click.echo(
        f"{'runs':<18}"
        f" {', '.join(f'{count} {state}' for state, count in told['runs'].items()) or 'none yet'}"
    )
    if oldest := told["oldest_unfinished"]:
        age = f"{oldest['age_seconds']:.0f} s old"
        click.echo(
            f"{'oldest unfinished':<18} {oldest['job_id']}/{oldest['generation']} "
            f" {oldest['state']}, {age}"
        )


async def _depths(url: str) -> dict[str, Any]:
    from pipeline.queue import NoDeadLetterQueue, SqsQueue

    async with SqsQueue(url, visibility_timeout=30) as queue:
        told: dict[str, Any] = {"queue": asdict(await queue.depth()) | {"url": url}}
        try:
            dead_url = await queue.dead_letters_url()
        except NoDeadLetterQueue:
            return told | {"dead_letters": None}
    async with SqsQueue(dead_url, visibility_timeout=30) as dead:
        return told | {"dead_letters": asdict(await dead.depth()) | {"url": dead_url}}


def _runs(store: "RunStore") -> dict[str, Any]:
    """Runs by outcome, or by state where they have none, of the newest ``COUNTED``."""
    states = Counter(run.outcome or run.state for run in store.runs(limit=COUNTED))
    unfinished = [
        run for state in ("queued", "running") for run in store.runs(outcome=state, limit=COUNTED)
    ]
    oldest = min(unfinished, key=lambda run: run.created_at, default=None)
    return {
        "runs": dict(states.most_common()),
        "oldest_unfinished": (
            oldest
            and {
                "job_id": oldest.job_id,
                "generation": oldest.generation,
                "state": oldest.state,
                "issue_url": oldest.issue_url,
                "created_at": clock(oldest.created_at),
                "age_seconds": time.time() - oldest.created_at,
            }
        ),
    }
