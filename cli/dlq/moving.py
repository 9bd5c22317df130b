"""Confirm an action on selected messages, and carry it out."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import click

from cli import exits
from cli.command import CommandError
from cli.dlq.selection import summary
from cli.dlq.session import DlqSession, with_dlq
from cli.option_groups import option_group
from cli.output import Output
from console.queues.dead_messages import DeadMessage
from prompts.filters import one_line
from repository.counts import count

#: Stores one message elsewhere before it leaves the dead-letter queue, and returns fields to print.
Transfer = Callable[[DlqSession, DeadMessage], Awaitable[dict[str, str]]]

_PLAN_LINES = 10
_REASON_WIDTH = 160


@dataclass(frozen=True)
class Confirmation:
    """Whether a command asks before it acts, and whether it acts at all."""

    yes: bool
    dry_run: bool


dry_run_option = click.option("--dry-run", is_flag=True, help="Show the plan, and do nothing.")

#: Passes a ``Confirmation`` as ``confirmation``.
with_confirmation = option_group(
    "confirmation",
    Confirmation,
    click.option("--yes", is_flag=True, help="Don't ask."),
    dry_run_option,
)

rate_option = click.option(
    "--rate", type=click.FloatRange(min=0.1), help="At most this many messages a second."
)


@dataclass(frozen=True)
class Action:
    """How a command's output describes what it does to messages."""

    verb: str
    past: str
    details: str = ""


def confirm_plan(
    messages: list[DeadMessage], action: Action, confirmation: Confirmation, output: Output
) -> None:
    """Print what will be done, and ask. Ends the command if there is nothing to do or if it is a
    dry run.
    """
    plan = f"{action.verb} {count(len(messages), 'message')} {action.details}"
    output.note(plan.rstrip())
    causes = Counter((message.repository or "-", message.pattern) for message in messages)
    for (repository, pattern), number in causes.most_common(_PLAN_LINES):
        output.note(f"{number:>6}  {repository}  {one_line(pattern)[:_REASON_WIDTH]}")
    if confirmation.dry_run and output.as_json:
        for message in messages:
            output.write(summary(message), "")
    if confirmation.dry_run or not messages:
        raise click.exceptions.Exit(exits.OK)
    if not confirmation.yes:
        pronoun = "it" if len(messages) == 1 else "them"
        click.confirm(f"{action.verb} {pronoun}?", abort=True, err=True)


def move_messages(
    ctx: click.Context,
    messages: list[DeadMessage],
    action: Action,
    transfer: Transfer,
    output: Output,
    *,
    rate: float | None = None,
) -> None:
    """Move the messages. Each is printed as soon as it is stored elsewhere."""
    transferred: set[str] = set()

    async def transfer_and_print(session: DlqSession, message: DeadMessage) -> None:
        fields = {"message_id": message.message_id, "job_id": message.job_id}
        fields.update(await transfer(session, message))
        transferred.add(message.message_id)
        values = [value for value in fields.values() if value]
        output.write(fields, "  ".join([action.past, *values]))

    async def move_all(session: DlqSession) -> int:
        async def transfer_one(message: DeadMessage) -> None:
            await transfer_and_print(session, message)

        return await session.messages.move(messages, transfer_one, per_second=rate)

    try:
        moved, interrupted = with_dlq(ctx, move_all)
    except CommandError as error:
        progress = f"{action.past} {len(transferred)} of {len(messages)}"
        message = f"{error.message}; {progress}: run the same command to continue"
        raise CommandError(message) from None
    report_completion(moved, len(messages), action.past, interrupted=interrupted)


def report_completion(done: int, total: int, past: str, *, interrupted: bool) -> None:
    """Print how many messages were processed. Ends the command if some were not."""
    click.echo(f"{past} {done} of {total}", err=True)
    if interrupted:
        click.echo("interrupted; run the same command to continue with the rest", err=True)
        raise click.exceptions.Exit(exits.INTERRUPTED)
    if done < total:
        raise CommandError(
            f"{total - done} could no longer be seen: moved or received by another program"
        )
