"""``coding-agent jobs``: what the store knows."""

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.options import (
    clock,
    exit_on_aws_error,
    override_options,
    overrides,
    queue_url,
    since_option,
)
from pipeline.job import FixIssueJob, explain
from pipeline.outcome import Outcome

if TYPE_CHECKING:
    from pipeline.store.contract import RunRow, RunStore

_STATES = [*(outcome.value for outcome in Outcome), "queued", "running"]


@click.group("jobs")
def command() -> None:
    """List and show jobs, their runs and spend; retry or cancel one.

    \b
    Examples:
      coding-agent jobs list --outcome failed --since 2h
      coding-agent jobs show 5c0b... --json
      coding-agent jobs retry 5c0b... --from-stage propose_patch
    """


@command.command("list")
@click.option("--outcome", type=click.Choice(_STATES), help="Only runs that ended, or are, so.")
@click.option("--repository", help="Only this one: owner/name.")
@since_option
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="No more than this.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def list_(
    ctx: click.Context,
    outcome: str | None,
    repository: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List runs, the newest first.

    \b
    Examples:
      coding-agent jobs list --outcome failed --since 2h
      coding-agent jobs list --repository octo/repo --json
    """
    store = _store(ctx)
    rows = store.runs(
        outcome=outcome, repository=repository.lower() if repository else None, limit=limit
    )
    rows = [row for row in rows if since is None or row.created_at >= since]
    if as_json:
        for row in rows:
            click.echo(json.dumps(_summary(store, row)))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("job", "gen", "issue", "outcome", "seconds", "cost", "created"):
        table.add_column(name, overflow="fold")
    for row in rows:
        told = _summary(store, row)
        table.add_row(
            row.job_id,
            str(row.generation),
            row.issue_url.removeprefix("https://"),
            row.outcome or row.state,
            f"{row.seconds:.0f}",
            f"${told['cost_usd']:.4f}",
            told["created_at"],
        )
    Console(highlight=False).print(
        table if rows else "no such runs" if outcome or repository or since else "no runs yet"
    )


@command.command("show")
@click.argument("job_id")
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def show(ctx: click.Context, job_id: str, generation: int | None, as_json: bool) -> None:
    """Show one run: its deliveries, stages, effects and model calls in the order of time, its rounds and result.

    \b
    Examples:
      coding-agent jobs show 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
      coding-agent jobs show 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d --generation 0 --json
    """
    store = _store(ctx)
    row = _run(store, job_id, generation)
    told = _everything(store, row)
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"{row.job_id} generation {row.generation}: {row.outcome or row.state}")
    from prompts.filters import one_line

    click.echo(f"  {row.issue_url}\n  {one_line(row.reason or row.last_error or '')}".rstrip())
    for moment in told["timeline"]:
        click.echo(
            f"  {clock(moment['at'])}  {moment['what']:<16} {one_line(moment['detail'])}".rstrip()
        )
    for opened in told["rounds"]:
        because = one_line(opened["because"].strip().partition("\n")[0])[:120]
        click.echo(f"  round {opened['number']} went back to {opened['to']}: {because}")
    click.echo(
        f"  spent ${told['cost_usd']:.6f} in {row.seconds:.1f} s of work, {row.deliveries}"
        " deliveries"
    )
    for name, address in (told["result"] or {}).get("artifacts", {}).items():
        click.echo(f"  {name}: {address}")


@command.command("cancel")
@click.argument("job_id")
@click.option("--json", "as_json", is_flag=True, help="Print the run as JSON.")
@click.pass_context
def cancel(ctx: click.Context, job_id: str, as_json: bool) -> None:
    """Ask a job's unfinished run to stop; its worker sees it within a heartbeat.

    \b
    Example:
      coding-agent jobs cancel 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
    """
    store = _store(ctx)
    row = _run(store, job_id, None)
    if not store.request_cancel(job_id):
        raise CommandError(f"job {job_id!r} has ended before: {row.outcome}")
    click.echo(json.dumps(_summary(store, row)) if as_json else f"asked {job_id} to stop")


@command.command("retry")
@click.argument("job_id")
@override_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def retry(ctx: click.Context, /, job_id: str, as_json: bool, **changes: Any) -> None:
    """Run a job whose last run has ended once more, as its next generation.

    Called twice, it is still one run. A failed job's message stays in the dead-letter queue: replaying it later changes
    nothing, `dlq discard JOB_ID` takes it away.

    \b
    Examples:
      coding-agent jobs retry 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
      coding-agent jobs retry 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d --from-stage propose_patch --max-cost 5
    """
    overridden = overrides(ctx, **changes)
    url = queue_url(ctx)
    row = _run(_store(ctx), job_id, None)
    if row.state != "finished":
        raise CommandError(f"job {job_id!r} has not ended: it is {row.state}")
    from cli.dlq.dead_letters import again

    try:
        job = again(FixIssueJob.model_validate_json(row.body), row.generation, overridden)
    except ValidationError as error:
        raise CommandError(f"{explain(error)}; nothing was sent", exits.USAGE) from None
    with exit_on_aws_error():
        message_id = asyncio.run(_send(url, job))
    told = {"job_id": job_id, "after_generation": row.generation, "message_id": message_id}
    click.echo(
        json.dumps(told) if as_json else f"{job_id} runs again after generation {row.generation}"
    )


async def _send(url: str, job: FixIssueJob) -> str:
    from pipeline.queue import SqsQueue

    async with SqsQueue(url, visibility_timeout=30) as queue:
        return await queue.submit(job)


def _store(ctx: click.Context) -> "RunStore":
    chosen = settings(ctx)
    from cli.wiring import open_store

    with exit_on_settings_error():
        store = open_store(chosen)
    ctx.call_on_close(store.close)
    return store


def _run(store: "RunStore", job_id: str, generation: int | None) -> "RunRow":
    row = store.run(job_id, generation)
    if row is None:
        which = f"generation {generation} of job" if generation is not None else "job"
        raise CommandError(
            f"there is no {which} {job_id!r} in this store; see: coding-agent jobs list",
            exits.USAGE,
        )
    return row


def _summary(store: "RunStore", row: "RunRow") -> dict[str, Any]:
    calls = store.calls(row.key)
    return {
        "job_id": row.job_id,
        "generation": row.generation,
        "issue_url": row.issue_url,
        "state": row.state,
        "outcome": row.outcome,
        "reason": row.reason,
        "round": row.round,
        "tries": row.tries,
        "deliveries": row.deliveries,
        "crashes": row.crashes,
        "seconds": row.seconds,
        "last_error": row.last_error,
        "cost_usd": sum(call.micro_usd for call in calls) / 1e6,
        "created_at": clock(row.created_at),
    }


def _everything(store: "RunStore", row: "RunRow") -> dict[str, Any]:
    return _summary(store, row) | {
        "stages": [
            {"round": c.round, "stage": c.stage, "seconds": c.seconds, "created_at": c.created_at}
            for c in store.checkpoints(row.key)
        ],
        "rounds": [
            {"number": r.number, "to": r.to, "because": r.because} for r in store.rounds(row.key)
        ],
        "calls": [
            {
                "key": c.key,
                "attempt": c.attempt,
                "state": c.state,
                "cost_usd": c.micro_usd / 1e6,
                "model": c.model,
            }
            for c in store.calls(row.key)
        ],
        "effects": [
            {"name": e.name, "generation": e.generation, "result": e.result}
            for e in store.effects(row.job_id)
            if e.generation == row.generation
        ],
        "history": [asdict(moment) for moment in store.history(row.key)],
        "timeline": _timeline(store, row),
        "result": json.loads(row.result) if row.result else None,
    }


def _timeline(store: "RunStore", row: "RunRow") -> list[dict[str, Any]]:
    """What happened to the run, oldest first: ``at`` (seconds since the epoch), ``what`` and
    ``detail``.
    """
    happened = [(moment.at, moment.what, moment.detail) for moment in store.history(row.key)]
    for stage in store.checkpoints(row.key):
        happened.append(
            (
                stage.created_at,
                "stage",
                f"{stage.stage}, round {stage.round}, {stage.seconds:.2f} s",
            )
        )
    for call in store.calls(row.key):
        spent = f"{call.state} ${call.micro_usd / 1e6:.6f} {call.model}"
        happened.append(
            (call.created_at, "model call", f"{call.key} attempt {call.attempt}: {spent}")
        )
    for effect in store.effects(row.job_id):
        if effect.generation == row.generation:
            done = f"done {json.dumps(effect.result)}" if effect.result else "intended"
            happened.append((effect.created_at, "effect", f"{effect.name}: {done}"))
    in_order = sorted(happened, key=lambda moment: moment[0])
    return [{"at": at, "what": what, "detail": detail} for at, what, detail in in_order]
