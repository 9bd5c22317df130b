"""``coding-agent dlq``: what an operator does with the dead-letter queue."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from pydantic import ValidationError

from cli import exits
from cli.command import CommandError
from cli.dlq.messages import counts, look, messages, move, new_file, plan, read, summary, tell_whole
from cli.options import Command, Desk, at_desk, override_options, overrides, since_option
from pipeline.job import FixIssueJob, explain
from prompts.filters import one_line

if TYPE_CHECKING:
    from cli.dlq.dead_letters import Letter

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_yes = click.option("--yes", is_flag=True, help="Don't ask.")
_dry_run = click.option("--dry-run", is_flag=True, help="Show the plan, and do nothing.")
_rate = click.option(
    "--rate", type=click.FloatRange(min=0.1), help="No more than this many a second."
)


def _filters(command: Command) -> Command:
    for option in reversed(
        [
            click.argument("ids", nargs=-1, metavar="[MESSAGE_ID|JOB_ID]..."),
            click.option("--reason", help="Only with this anywhere in the reason; * is any text."),
            click.option("--repo", metavar="OWNER/NAME", help="Only this repository's."),
            since_option,
            click.option(
                "--limit", type=click.IntRange(min=1), help="Only so many of them, the oldest."
            ),
        ]
    ):
        command = option(command)
    return command


@click.group("dlq")
def command() -> None:
    """Look at the dead-letter queue, and put its jobs back to work.

    It is found through the RedrivePolicy of CODING_AGENT_QUEUE_URL. While it is read, its messages are hidden from
    others for seconds. Ctrl-C leaves no message lost or half moved; the same command goes on with what is left.

    \b
    Examples:
      coding-agent dlq group-by reason
      coding-agent dlq replay --reason "GitHub's rate limit" --rate 2
      coding-agent dlq redrive --repo octo/repo --dry-run
    """


@command.command("ls")
@_filters
@_json
@click.pass_context
def ls(ctx: click.Context, /, as_json: bool, **filters: Any) -> None:
    """List messages, the oldest first.

    Each is failed (replay it), unfinished (redrive it), newer (for a newer worker), invalid, or unreadable (no job).

    \b
    Examples:
      coding-agent dlq ls --since 2h
      coding-agent dlq ls --reason "rate*limit" --repo octo/repo --json
    """
    for letter in look(ctx, **filters):
        told = summary(letter)
        where = (letter.issue_url or "-").removeprefix("https://")
        line = (
            f"{letter.message_id}  {told['sent_at']}  {letter.kind:<10}  {where} "
            f" {one_line(letter.reason)[:200]}"
        )
        click.echo(json.dumps(told) if as_json else line)


@command.command("show")
@click.argument("wanted", metavar="MESSAGE_ID|JOB_ID")
@_json
@click.pass_context
def show(ctx: click.Context, wanted: str, as_json: bool) -> None:
    """Show a message whole: its reason, attributes and body.

    \b
    Example:
      coding-agent dlq show 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
    """
    from cli.dlq.dead_letters import Exported

    found = look(ctx, ids=(wanted,))
    if not found:
        raise CommandError(
            f"{wanted!r} was not seen in the dead-letter queue; see: coding-agent dlq ls",
            exits.USAGE,
        )
    for letter in found:
        told = summary(letter) | Exported.of(letter.delivery).model_dump(
            include={"attributes", "body"}
        )
        if as_json:
            click.echo(json.dumps(told))
            continue
        for name, value in told.items():
            click.echo(
                f"{name:<18} {one_line(value if isinstance(value, str) else json.dumps(value))}"
            )


@command.command("group-by")
@click.argument("by", type=click.Choice(["reason", "repo"]))
@_filters
@_json
@click.pass_context
def group_by(ctx: click.Context, /, by: str, as_json: bool, **filters: Any) -> None:
    """Count messages by reason or repository, the most first.

    A reason's figures and identifiers are shown as *: give it to --reason as it is.

    \b
    Examples:
      coding-agent dlq group-by reason
      coding-agent dlq group-by repo --reason "GitHub's rate limit" --json
    """
    for name, count in counts(look(ctx, **filters), by).most_common():
        click.echo(
            json.dumps({by: name, "count": count}) if as_json else f"{count:>6}  {one_line(name)}"
        )


@command.command("replay")
@_filters
@override_options
@_rate
@_yes
@_dry_run
@_json
@click.pass_context
def replay(
    ctx: click.Context,
    /,
    from_stage: str | None,
    model: str | None,
    template_dir: Path | None,
    max_cost: float | None,
    max_minutes: float | None,
    max_rounds: int | None,
    rate: float | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Run failed jobs again, each as its next generation, perhaps with other limits or another model.

    One failed run is replayed once, however often this is interrupted and called again. Only failed ones are taken:
    unfinished ones must be redriven, and what is no valid job stays.

    \b
    Examples:
      coding-agent dlq replay --reason "GitHub's rate limit" --rate 2
      coding-agent dlq replay --repo octo/repo --from-stage propose_patch --max-cost 5 --yes
    """
    changes = overrides(
        ctx,
        from_stage=from_stage,
        model=model,
        template_dir=template_dir,
        max_cost=max_cost,
        max_minutes=max_minutes,
        max_rounds=max_rounds,
    )
    from cli.dlq.dead_letters import Kind, again
    from pipeline.queue import FAILED_GENERATION, REASON

    def job(letter: "Letter") -> FixIssueJob:
        generation = letter.delivery.failed_generation
        assert letter.job is not None and generation is not None  # noqa: S101 (only failed ones are taken)
        return again(letter.job, generation, changes)

    async def keep(desk: Desk, letter: "Letter") -> dict[str, str]:
        told = {
            k: v
            for k, v in letter.delivery.attributes.items()
            if k not in (FAILED_GENERATION, REASON)
        }
        return {"sent_as": await desk.queue.send(job(letter).to_json(), told)}

    letters = look(ctx, kinds=(Kind.FAILED,), **filters)
    try:
        for letter in letters:
            job(letter)
    except ValidationError as error:
        raise CommandError(f"{explain(error)}; nothing was replayed", exits.USAGE) from None
    how = ", ".join(f"{name}={value}" for name, value in changes.told.items())
    plan(letters, "replay", how and f"with {how}", yes=yes, dry_run=dry_run, as_json=as_json)
    move(ctx, letters, "replayed", keep, rate=rate, as_json=as_json)


@command.command("redrive")
@_filters
@_rate
@_yes
@_dry_run
@_json
@click.pass_context
def redrive(
    ctx: click.Context,
    /,
    rate: float | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Put messages back on the queue as they are.

    An unfinished run goes on at its last checkpoint; a failed one starts its next generation. What is no valid job
    would only come back, and stays.

    \b
    Examples:
      coding-agent dlq redrive --dry-run
      coding-agent dlq redrive --since 2h --rate 5 --yes
    """
    from cli.dlq.dead_letters import Kind

    async def keep(desk: Desk, letter: "Letter") -> dict[str, str]:
        return {"sent_as": await desk.queue.send(letter.delivery.body, letter.delivery.attributes)}

    letters = look(ctx, kinds=(Kind.FAILED, Kind.UNFINISHED, Kind.NEWER), **filters)
    plan(letters, "redrive", "", yes=yes, dry_run=dry_run, as_json=as_json)
    move(ctx, letters, "redriven", keep, rate=rate, as_json=as_json)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@_filters
@click.pass_context
def export(ctx: click.Context, /, file: Path, **filters: Any) -> None:
    """Write messages to a new FILE (- is standard output), one JSON object a line; the queue keeps them.

    \b
    Examples:
      coding-agent dlq export dead.jsonl
      coding-agent dlq export - --repo octo/repo | jq .body
    """
    from cli.dlq.dead_letters import Exported

    lines = [Exported.of(letter.delivery).model_dump_json() for letter in look(ctx, **filters)]
    if file == Path("-"):
        for line in lines:
            click.echo(line)
        return
    with new_file(file) as write:
        for line in lines:
            write(line)
    click.echo(f"{messages(len(lines))} written to {file}", err=True)


@command.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@_dry_run
@click.pass_context
def import_(ctx: click.Context, file: TextIO, dry_run: bool) -> None:
    """Put what was exported to FILE (- is standard input) into the dead-letter queue.

    What is there already, with the same body and attributes, is left out: calling it twice doubles nothing.

    \b
    Examples:
      coding-agent dlq import dead.jsonl --dry-run
      coding-agent dlq import dead.jsonl
    """
    from cli.dlq.dead_letters import missing

    exported = read(file)
    absent = missing(exported, look(ctx))
    click.echo(
        f"{messages(len(absent))} to import; {len(exported) - len(absent)} of the file are there",
        err=True,
    )
    if dry_run:
        return

    async def send(desk: Desk) -> int:
        for done, line in enumerate(absent):
            if desk.stop.is_set():
                return done
            click.echo(f"{await desk.dead.send(line.body, line.sendable)}  was {line.message_id}")
        return len(absent)

    sent, interrupted = at_desk(ctx, send)
    tell_whole(sent, len(absent), "imported", interrupted)


@command.command("discard")
@_filters
@click.option(
    "--export",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where they are written first; default: discarded-TIME.jsonl in the current folder.",
)
@click.option("--no-export", is_flag=True, help="Keep no copy.")
@_yes
@_dry_run
@_json
@click.pass_context
def discard(
    ctx: click.Context,
    /,
    file: Path | None,
    no_export: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Delete messages, each written to a file first, so that `dlq import` can bring it back.

    \b
    Examples:
      coding-agent dlq discard --reason "the message is not JSON" --dry-run
      coding-agent dlq discard 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d --export old.jsonl --yes
    """
    if no_export and file:
        raise CommandError("--export or --no-export, not both", exits.USAGE)
    from cli.dlq.dead_letters import Exported

    copy = file or Path(f"discarded-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.jsonl")
    letters = look(ctx, **filters)
    how = "and keep no copy" if no_export else f"and keep a copy in {copy}"
    plan(letters, "discard", how, yes=yes, dry_run=dry_run, as_json=as_json)
    with nullcontext() if no_export else new_file(copy) as write:

        async def keep(_: Desk, letter: "Letter") -> dict[str, str]:
            if write is not None:
                write(Exported.of(letter.delivery).model_dump_json())
            return {} if write is None else {"kept_in": str(copy)}

        move(ctx, letters, "discarded", keep, as_json=as_json)
