"""``coding-agent jobs``: the jobs in the store, and their runs."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from cli import exits
from cli.aws import VISIBILITY_TIMEOUT, exit_on_aws_error, queue_url
from cli.command import CommandError, exit_on_settings_error, settings
from cli.option_groups import check_repository
from cli.output import Output, json_option
from cli.overrides import OverrideOptions, replay_job, with_override_options
from cli.times import iso_time, since_option
from pipeline.job import FixIssueJob, explain
from pipeline.outcome import Outcome

if TYPE_CHECKING:
    from cli.transcripts.source import TranscriptSource
    from pipeline.store.contract import RunRow
    from pipeline.store.store import RunStore

_STATES = [*(outcome.value for outcome in Outcome), "queued", "running"]
_REASON_WIDTH = 120

#: Columns of the list, made from ``run_summary``.
_COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "job": lambda run: run["job_id"],
    "gen": lambda run: str(run["generation"]),
    "issue": lambda run: run["issue_url"].removeprefix("https://"),
    "outcome": lambda run: run["outcome"] or run["state"],
    "seconds": lambda run: f"{run['seconds']:.0f}",
    "cost": lambda run: f"${run['cost_usd']:.4f}",
    "created": lambda run: run["created_at"],
}


@click.group("jobs")
def command() -> None:
    """List and show jobs with their runs and costs; retry or cancel one.

    \b
    Examples:
      coding-agent jobs list --outcome failed --since 2h
      coding-agent jobs show 5c0b... --json
      coding-agent jobs retry 5c0b... --from-stage propose_patch
    """


@command.command("list")
@click.option("--outcome", type=click.Choice(_STATES), help="Only runs with this outcome or state.")
@click.option(
    "--repo",
    "--repository",
    "repository",
    metavar="OWNER/NAME",
    callback=check_repository,
    help="Only runs of this repository.",
)
@since_option
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Consider at most this many runs.",
)
@json_option()
@click.pass_context
def list_(
    ctx: click.Context,
    outcome: str | None,
    repository: str | None,
    since: float | None,
    limit: int,
    output: Output,
) -> None:
    """List runs, the newest first.

    \b
    Examples:
      coding-agent jobs list --outcome failed --since 2h
      coding-agent jobs list --repo octo/repo --json
    """
    from cli.run_reports import run_summary

    store = _open_store(ctx)
    runs = store.runs(
        outcome=outcome,
        repository=repository.lower() if repository else None,
        limit=limit,
    )
    summaries = [
        run_summary(store, run) for run in runs if since is None or run.created_at >= since
    ]
    is_filtered = bool(outcome or repository or since)
    output.write_table(
        summaries, _COLUMNS, if_empty="no such runs" if is_filtered else "no runs yet"
    )


@command.command("show")
@click.argument("job_id")
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@json_option("Print one JSON object.")
@click.pass_context
def show(ctx: click.Context, job_id: str, generation: int | None, output: Output) -> None:
    """Show one run: its deliveries, stages, effects and model calls in chronological order, its
    rounds and its result.

    \b
    Examples:
      coding-agent jobs show 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
      coding-agent jobs show 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d --generation 0 --json
    """
    from cli.run_reports import run_report

    store = _open_store(ctx)
    run = _find_run(store, job_id, generation)
    report = run_report(store, run)
    output.write(report, "\n".join(_report_lines(run, report)))


@command.command("transcript")
@click.argument("job_id")
@click.option("--generation", type=click.IntRange(min=0), help="Default: the newest.")
@click.option(
    "--attempt",
    type=click.IntRange(min=1),
    help="Default: the one whose change was chosen, or the newest.",
)
@click.option("--round", "round_", type=click.IntRange(min=1), help="Only this round's steps.")
@click.option("--plain", is_flag=True, help="Print all steps instead of showing one per screen.")
@json_option("Print the transcript as one JSON object.")
@click.pass_context
def transcript(
    ctx: click.Context,
    job_id: str,
    generation: int | None,
    attempt: int | None,
    round_: int | None,
    plain: bool,
    output: Output,
) -> None:
    """Show what an agent did, step by step: its replies, calls and their results.

    In a terminal, each step has its own screen: l and h go to the next and the previous step, j and
    k scroll, / searches, ? lists all keys. Otherwise all steps are printed. For a run that has not
    ended, these are the steps so far.

    \b
    Examples:
      coding-agent jobs transcript 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
      coding-agent jobs transcript 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d --round 2 --plain
      coding-agent jobs transcript 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d --json
    """
    from cli.transcripts.text import print_all
    from cli.transcripts.viewer import is_interactive, show

    store = _open_store(ctx)
    run = _find_run(store, job_id, generation)
    document = _transcript_source(ctx, store, run).read(attempt)
    if round_ is not None:
        document = document.of_round(round_)
    if not document.steps:
        part = f"round {round_}" if round_ is not None else f"attempt {document.attempt}"
        raise CommandError(f"{part} of job {job_id!r} has no steps", exits.USAGE)
    if output.as_json:
        click.echo(document.model_dump_json())
    elif plain or not is_interactive():
        print_all(document)
    else:
        show(document)


def _transcript_source(ctx: click.Context, store: "RunStore", run: "RunRow") -> "TranscriptSource":
    from cli.backends import open_artifacts
    from cli.transcripts.source import TranscriptSource
    from pipeline.settings import secret_values
    from pipeline.telemetry import Redactor

    chosen = settings(ctx)
    with exit_on_settings_error():
        artifacts = open_artifacts(chosen)
    redact = Redactor(secret_values(chosen))
    return TranscriptSource(store, artifacts, run, redact)


@command.command("cancel")
@click.argument("job_id")
@json_option("Print the run as JSON.")
@click.pass_context
def cancel(ctx: click.Context, job_id: str, output: Output) -> None:
    """Ask a job's unfinished run to stop. Its worker sees the request within one heartbeat.

    A run that an interrupted `fix` left behind ends at once.

    \b
    Example:
      coding-agent jobs cancel 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
    """
    from cli.backends import open_artifacts
    from cli.cancel import end_cancelled
    from cli.run_reports import run_summary

    store = _open_store(ctx)
    run = _find_run(store, job_id)
    if not store.request_cancel(job_id):
        raise CommandError(f"job {job_id!r} has already ended: {run.outcome}")
    chosen = settings(ctx)
    with exit_on_settings_error():
        artifacts = open_artifacts(chosen)
    has_ended = end_cancelled(store, artifacts, run, chosen)
    newest = _find_run(store, job_id)
    text = f"cancelled {job_id}" if has_ended else f"asked {job_id} to stop"
    output.write(run_summary(store, newest), text)


@command.command("retry")
@click.argument("job_id")
@with_override_options
@json_option("Print one JSON object.")
@click.pass_context
def retry(
    ctx: click.Context, job_id: str, override_options: OverrideOptions, output: Output
) -> None:
    """Rerun a job that has ended, as its next generation.

    Calling it twice starts one run. The message of a failed job stays in the dead-letter queue:
    replaying it later changes nothing, and `dlq discard JOB_ID` removes it.

    \b
    Examples:
      coding-agent jobs retry 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
      coding-agent jobs retry 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d --from-stage propose_patch
    """
    overrides = override_options.resolve(ctx)
    url = queue_url(ctx)
    run = _find_run(_open_store(ctx), job_id)
    if run.state != "finished":
        raise CommandError(f"job {job_id!r} has not ended: it is {run.state}")
    try:
        job = FixIssueJob.model_validate_json(run.body)
        replayed = replay_job(job, run.generation, overrides)
    except ValidationError as error:
        raise CommandError(f"{explain(error)}; nothing was sent", exits.USAGE) from None
    with exit_on_aws_error():
        message_id = asyncio.run(_send(url, replayed))
    output.write(
        {"job_id": job_id, "after_generation": run.generation, "message_id": message_id},
        f"{job_id} runs again after generation {run.generation}",
    )


async def _send(url: str, job: FixIssueJob) -> str:
    from pipeline.queue import SqsQueue

    async with SqsQueue(url, visibility_timeout=VISIBILITY_TIMEOUT) as queue:
        return await queue.submit(job)


def _open_store(ctx: click.Context) -> "RunStore":
    chosen = settings(ctx)
    from cli.backends import open_existing_store

    with exit_on_settings_error():
        store = open_existing_store(chosen)
    ctx.call_on_close(store.close)
    return store


def _find_run(store: "RunStore", job_id: str, generation: int | None = None) -> "RunRow":
    run = store.run(job_id, generation)
    if run is None:
        description = "job" if generation is None else f"generation {generation} of job"
        raise CommandError(
            f"there is no {description} {job_id!r} in this store; see: coding-agent jobs list",
            exits.USAGE,
        )
    return run


def _report_lines(run: "RunRow", report: dict[str, Any]) -> list[str]:
    from prompts.filters import one_line

    lines = [
        f"{run.job_id} generation {run.generation}: {run.outcome or run.state}",
        f"  {run.issue_url}",
    ]
    reason = run.reason or run.last_error
    if reason:
        lines.append(f"  {one_line(reason)}")
    for moment in report["timeline"]:
        line = f"  {iso_time(moment['at'])}  {moment['what']:<16} {one_line(moment['detail'])}"
        lines.append(line.rstrip())
    for round_ in report["rounds"]:
        first_line = round_["because"].strip().partition("\n")[0]
        cause = one_line(first_line)[:_REASON_WIDTH]
        lines.append(f"  round {round_['number']} opened at {round_['to']}: {cause}")
    lines.append(
        f"  spent ${report['cost_usd']:.6f} in {run.seconds:.1f} s of work; deliveries:"
        f" {run.deliveries}"
    )
    artifacts = (report["result"] or {}).get("artifacts", {})
    for name, address in artifacts.items():
        lines.append(f"  {name}: {address}")
    return lines
