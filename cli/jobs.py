"""``coding-agent jobs``: what the store knows."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cli import exits
from cli.environment import Failure, settings

if TYPE_CHECKING:
    from pipeline.store import RunRow
    from pipeline.store.sqlite import SqliteStore


@click.group("jobs")
def command() -> None:
    """List and show jobs, their runs and spend; cancel one.

    \b
    Examples:
      coding-agent jobs list --outcome failed
      coding-agent jobs show 5c0b... --json
    """


@command.command("list")
@click.option("--outcome", help="Only these: an outcome, or queued, running.")
@click.option("--repository", help="Only this one: owner/name.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def list_(ctx: click.Context, outcome: str | None, repository: str | None, limit: int, as_json: bool) -> None:
    """List runs, the newest first."""
    store = _store(ctx)
    rows = store.runs(outcome=outcome, repository=repository.lower() if repository else None, limit=limit)
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
            row.job_id, str(row.generation), row.issue_url.removeprefix("https://"), row.outcome or row.state,
            f"{row.seconds:.0f}", f"${told['cost_usd']:.4f}", told["created_at"],
        )  # fmt: skip
    Console(highlight=False).print(table if rows else "no runs yet")


@command.command("show")
@click.argument("job_id")
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def show(ctx: click.Context, job_id: str, generation: int | None, as_json: bool) -> None:
    """Show one run: its stages with their times, rounds, effects, model calls and result."""
    store = _store(ctx)
    row = store.run(job_id, generation)
    if row is None:
        raise Failure(f"no run of job {job_id!r} in this store; see: coding-agent jobs list", exits.USAGE)
    told = _everything(store, row)
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"{row.job_id} generation {row.generation}: {row.outcome or row.state}")
    click.echo(f"  {row.issue_url}\n  {row.reason or row.last_error or ''}".rstrip())
    for stage in told["stages"]:
        click.echo(f"  round {stage['round']}  {stage['stage']:<14} {stage['seconds']:7.2f} s")
    for opened in told["rounds"]:
        click.echo(f"  round {opened['number']} went back to {opened['to']}: {opened['because'].splitlines()[0][:120]}")
    for call in told["calls"]:
        click.echo(
            f"  call {call['key']} attempt {call['attempt']}: {call['state']} ${call['cost_usd']:.6f} {call['model']}"
        )
    for effect in told["effects"]:
        click.echo(
            f"  effect {effect['name']}: {'done ' + json.dumps(effect['result']) if effect['result'] else 'intended'}"
        )
    for name, address in (told["result"] or {}).get("artifacts", {}).items():
        click.echo(f"  {name}: {address}")


@command.command("cancel")
@click.argument("job_id")
@click.pass_context
def cancel(ctx: click.Context, job_id: str) -> None:
    """Ask a job's unfinished run to stop; its worker sees it within a heartbeat."""
    if not _store(ctx).request_cancel(job_id):
        raise Failure(f"job {job_id!r} has no unfinished run", exits.ERROR)
    click.echo(f"asked {job_id} to stop")


def _store(ctx: click.Context) -> "SqliteStore":
    chosen = settings(ctx)
    from cli.wiring import open_store
    from pipeline.settings import SettingsError

    try:
        return open_store(chosen)
    except SettingsError as error:
        raise Failure(str(error), exits.USAGE) from None


def _summary(store: "SqliteStore", row: "RunRow") -> dict[str, Any]:
    calls = store.calls(row.job_id, row.generation)
    return {
        "job_id": row.job_id, "generation": row.generation, "issue_url": row.issue_url, "state": row.state,
        "outcome": row.outcome, "reason": row.reason, "round": row.round, "tries": row.tries,
        "deliveries": row.deliveries, "seconds": row.seconds, "last_error": row.last_error,
        "cost_usd": sum(call.micro_usd for call in calls) / 1e6,
        "created_at": datetime.fromtimestamp(row.created_at, UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


def _everything(store: "SqliteStore", row: "RunRow") -> dict[str, Any]:
    key = (row.job_id, row.generation)
    return _summary(store, row) | {
        "stages": [
            {"round": c.round, "stage": c.stage, "seconds": c.seconds, "created_at": c.created_at}
            for c in store.checkpoints(*key)
        ],
        "rounds": [{"number": r.number, "to": r.to, "because": r.because} for r in store.rounds(*key)],
        "calls": [
            {"key": c.key, "attempt": c.attempt, "state": c.state, "cost_usd": c.micro_usd / 1e6, "model": c.model}
            for c in store.calls(*key)
        ],
        "effects": [
            {"name": e.name, "generation": e.generation, "result": e.result}
            for e in store.effects(row.job_id)
            if e.generation == row.generation
        ],
        "result": json.loads(row.result) if row.result else None,
    }
