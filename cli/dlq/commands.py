"""``coding-agent dlq``: inspect the dead-letter queue, and put its jobs back to work."""

import json
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click
from pydantic import ValidationError

from cli import exits
from cli.command import CommandError
from cli.dlq.columns import message_columns
from cli.dlq.exports import ExportedMessage, missing_from, new_file, read_export
from cli.dlq.moving import (
    Action,
    Confirmation,
    confirm_plan,
    dry_run_option,
    move_messages,
    rate_option,
    report_completion,
    with_confirmation,
)
from cli.dlq.selection import Selection, select_messages, summary, with_selection
from cli.dlq.session import DlqSession, with_dlq
from cli.output import Output, json_option
from cli.overrides import OverrideOptions, with_override_options
from cli.tables import Table
from console.queues.dead_messages import DeadMessage, Kind
from console.queues.replays import plan_replay, send_replay
from pipeline.job import explain
from prompts.filters import one_line
from repository.counts import count


@click.group("dlq")
def command() -> None:
    """Inspect the dead-letter queue, and put its jobs back to work.

    The queue is found through the RedrivePolicy of CODING_AGENT_QUEUE_URL. While a command reads
    it, its messages are hidden from others for some seconds. Ctrl-C loses no message and leaves
    none half moved: run the same command to continue with the rest.

    \b
    Examples:
      coding-agent dlq group-by reason
      coding-agent dlq replay --reason "GitHub's rate limit" --rate 2
      coding-agent dlq redrive --repo octo/repo --dry-run
    """


@command.command("ls")
@with_selection
@json_option()
@click.pass_context
def ls(ctx: click.Context, selection: Selection, output: Output) -> None:
    """List messages, the oldest first.

    Each is failed (replay it), unfinished (redrive it), newer (for a newer worker), invalid (not a
    valid job), or unreadable (not a job at all). In a pipe, the fields are separated by tabs and
    complete: message, job, kind, issue, time and reason.

    \b
    Examples:
      coding-agent dlq ls --since 2h
      coding-agent dlq ls --reason "rate*limit" --repo octo/repo --json
    """
    messages = select_messages(ctx, selection)
    output.write_table(
        Table(messages, message_columns(messages), summary), if_empty="no such messages"
    )


@command.command("show")
@click.argument("message_id", metavar="MESSAGE_ID|JOB")
@json_option()
@click.pass_context
def show(ctx: click.Context, message_id: str, output: Output) -> None:
    """Show a whole message: its reason, attributes and body.

    \b
    Example:
      coding-agent dlq show 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d
    """
    for message in select_messages(ctx, Selection(ids=(message_id,))):
        exported = ExportedMessage.of(message.delivery)
        fields = summary(message)
        fields.update(exported.model_dump(include={"attributes", "body"}))
        lines = []
        for name, value in fields.items():
            text = value if isinstance(value, str) else json.dumps(value)
            lines.append(f"{name:<18} {one_line(text)}")
        output.write(fields, "\n".join(lines))


@command.command("group-by")
@click.argument("by", type=click.Choice(["reason", "repo"]))
@with_selection
@json_option()
@click.pass_context
def group_by(ctx: click.Context, by: str, selection: Selection, output: Output) -> None:
    """Count messages by reason or by repository, the most frequent first.

    Numbers and identifiers in a reason are shown as *; --reason accepts a reason in this form.

    \b
    Examples:
      coding-agent dlq group-by reason
      coding-agent dlq group-by repo --reason "GitHub's rate limit" --json
    """
    groups: Counter[str] = Counter()
    for message in select_messages(ctx, selection):
        group = message.pattern if by == "reason" else message.repository or "-"
        groups[group] += 1
    for group, number in groups.most_common():
        output.write({by: group, "count": number}, f"{number:>6}  {one_line(group)}")


@command.command("replay")
@with_selection
@with_override_options
@rate_option
@with_confirmation
@json_option()
@click.pass_context
def replay(
    ctx: click.Context,
    selection: Selection,
    override_options: OverrideOptions,
    rate: float | None,
    confirmation: Confirmation,
    output: Output,
) -> None:
    """Run failed jobs again, each as its next generation, optionally with other limits or another
    model.

    A failed run is replayed once, however often this command is interrupted and repeated. Only
    failed jobs are replayed: unfinished ones must be redriven, and invalid jobs stay.

    \b
    Examples:
      coding-agent dlq replay --reason "GitHub's rate limit" --rate 2
      coding-agent dlq replay --repo octo/repo --from-stage propose_patch --max-cost 5 --yes
    """
    overrides = override_options.resolve(ctx)
    messages = select_messages(ctx, selection, kinds=[Kind.FAILED])
    try:
        replays = {message.message_id: plan_replay(message, overrides) for message in messages}
    except ValidationError as error:
        raise CommandError(f"{explain(error)}; nothing was replayed", exits.USAGE) from None
    changes = ", ".join(f"{name}={value}" for name, value in overrides.changes.items())
    action = Action("replay", "replayed", f"with {changes}" if changes else "")
    confirm_plan(messages, action, confirmation, output)

    async def send(session: DlqSession, message: DeadMessage) -> dict[str, str]:
        return {"sent_as": await send_replay(session.main_queue, replays[message.message_id])}

    move_messages(ctx, messages, action, send, output, rate=rate)


@command.command("redrive")
@with_selection
@rate_option
@with_confirmation
@json_option()
@click.pass_context
def redrive(
    ctx: click.Context,
    selection: Selection,
    rate: float | None,
    confirmation: Confirmation,
    output: Output,
) -> None:
    """Put messages back on the job queue unchanged.

    An unfinished run resumes at its last checkpoint; a failed one starts its next generation.
    Invalid jobs stay: they would only come back.

    \b
    Examples:
      coding-agent dlq redrive --dry-run
      coding-agent dlq redrive --since 2h --rate 5 --yes
    """
    messages = select_messages(ctx, selection, kinds=[Kind.FAILED, Kind.UNFINISHED, Kind.NEWER])
    action = Action("redrive", "redriven")
    confirm_plan(messages, action, confirmation, output)

    async def send_unchanged(session: DlqSession, message: DeadMessage) -> dict[str, str]:
        delivery = message.delivery
        return {"sent_as": await session.main_queue.send(delivery.body, delivery.attributes)}

    move_messages(ctx, messages, action, send_unchanged, output, rate=rate)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@with_selection
@click.pass_context
def export(ctx: click.Context, file: Path, selection: Selection) -> None:
    """Write messages to a new FILE (- is standard output), one JSON object a line. They stay in the
    queue.

    \b
    Examples:
      coding-agent dlq export dead.jsonl
      coding-agent dlq export - --repo octo/repo | jq .body
    """
    messages = select_messages(ctx, selection)
    lines = [ExportedMessage.of(message.delivery).model_dump_json() for message in messages]
    if file == Path("-"):
        for line in lines:
            click.echo(line)
        return
    with new_file(file) as write_line:
        for line in lines:
            write_line(line)
    click.echo(f"{count(len(lines), 'message')} written to {file}", err=True)


@command.command("import")
@click.argument("file", type=click.File(encoding="utf-8"))
@dry_run_option
@click.pass_context
def import_(ctx: click.Context, file: TextIO, dry_run: bool) -> None:
    """Put the messages of an exported FILE (- is standard input) into the dead-letter queue.

    Messages that are already there, with the same body and attributes, are skipped: a second import
    adds nothing.

    \b
    Examples:
      coding-agent dlq import dead.jsonl --dry-run
      coding-agent dlq import dead.jsonl
    """
    exported = read_export(file)
    missing = missing_from(select_messages(ctx, Selection()), exported)
    present = len(exported) - len(missing)
    click.echo(
        f"{count(len(missing), 'message')} to import; {present} already in the queue",
        err=True,
    )
    if dry_run:
        return

    async def send_missing(session: DlqSession) -> int:
        for number, message in enumerate(missing):
            if session.stop.is_set():
                return number
            sent_as = await session.dead_letter_queue.send(message.body, message.boto_attributes)
            click.echo(f"{sent_as}  was {message.message_id}")
        return len(missing)

    sent, interrupted = with_dlq(ctx, send_missing)
    report_completion(sent, len(missing), "imported", interrupted=interrupted)


@command.command("discard")
@with_selection
@click.option(
    "--export",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write them here first; default: discarded-TIME.jsonl in the current folder.",
)
@click.option("--no-export", is_flag=True, help="Keep no copy.")
@with_confirmation
@json_option()
@click.pass_context
def discard(
    ctx: click.Context,
    selection: Selection,
    file: Path | None,
    no_export: bool,
    confirmation: Confirmation,
    output: Output,
) -> None:
    """Delete messages. Each is written to a file first, from which `dlq import` restores it.

    \b
    Examples:
      coding-agent dlq discard --reason "the message is not JSON" --dry-run
      coding-agent dlq discard 5c0b7e9c-6d34-5f6a-9d21-0c1f2a3b4c5d --export old.jsonl --yes
    """
    if no_export and file:
        raise CommandError("--export or --no-export, not both", exits.USAGE)
    copy = file or Path(f"discarded-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.jsonl")
    messages = select_messages(ctx, selection)
    details = "and keep no copy" if no_export else f"and keep a copy in {copy}"
    action = Action("discard", "discarded", details)
    confirm_plan(messages, action, confirmation, output)
    with nullcontext() if no_export else new_file(copy) as write_line:

        async def write_copy(_: DlqSession, message: DeadMessage) -> dict[str, str]:
            if write_line is None:
                return {}
            write_line(ExportedMessage.of(message.delivery).model_dump_json())
            return {"kept_in": str(copy)}

        move_messages(ctx, messages, action, write_copy, output)
