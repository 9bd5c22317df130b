"""Select messages of the dead-letter queue by the options that the commands share."""

import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import click

from cli import exits
from cli.command import CommandError
from cli.dlq.names import resolve_names
from cli.dlq.session import with_dlq
from cli.option_groups import option_group, repository_option
from cli.times import iso_time, since_option
from console.queues.dead_messages import DeadMessage, Kind, MessageFilter, Snapshot


@dataclass(frozen=True)
class Selection:
    """Which messages a command works on."""

    ids: tuple[str, ...] = ()
    reason: str | None = None
    repository: str | None = None
    since: float | None = None
    limit: int | None = None

    @property
    def filter(self) -> MessageFilter:
        return MessageFilter(
            reason=self.reason,
            repository=self.repository,
            since=self.since,
            ids=self.ids,
        )


#: Passes a ``Selection`` as ``selection``.
with_selection = option_group(
    "selection",
    Selection,
    click.argument("ids", nargs=-1, metavar="[MESSAGE_ID|JOB]..."),
    click.option("--reason", help="Only with this text in the reason; * stands for any text."),
    repository_option("Only of this repository."),
    since_option,
    click.option("--limit", type=click.IntRange(min=1), help="At most this many, oldest first."),
)


def select_messages(
    ctx: click.Context, selection: Selection, kinds: Collection[Kind] = tuple(Kind)
) -> list[DeadMessage]:
    """Return the selected messages, oldest first. Standard error names those that can't be seen,
    and those of other kinds. Ends the command if it names messages and none of them is there.
    """
    snapshot = _read_queue(ctx)
    if snapshot.unseen:
        click.echo(
            f"about {snapshot.unseen} more can't be seen now: in flight elsewhere, or delayed",
            err=True,
        )
    named = resolve_names(selection.ids, snapshot.messages)
    chosen = replace(selection, ids=named).filter
    matches = [message for message in snapshot.messages if chosen.matches(message)]
    if selection.ids and not matches:
        names = ", ".join(repr(name) for name in selection.ids)
        raise CommandError(
            f"{names}: not seen in the dead-letter queue; see: coding-agent dlq ls", exits.USAGE
        )
    _report_unseen(named, snapshot.messages)
    selected = [message for message in matches if message.kind in kinds]
    _report_other_kinds(matches, kinds)
    return selected[: selection.limit]


def summary(message: DeadMessage) -> dict[str, Any]:
    """Return the fields that the commands print."""
    return {
        "message_id": message.message_id,
        "kind": message.kind,
        "job_id": message.job_id,
        "failed_generation": message.delivery.failed_generation,
        "issue_url": message.issue_url,
        "repository": message.repository,
        "reason": message.reason,
        "sent_at": iso_time(message.delivery.sent_at),
    }


def _read_queue(ctx: click.Context) -> Snapshot:
    is_terminal = sys.stderr.isatty()

    def show_progress(number: int) -> None:
        if is_terminal:
            click.echo(f"\r{number} seen", nl=False, err=True)

    snapshot, interrupted = with_dlq(ctx, lambda session: session.messages.read(show_progress))
    if is_terminal:
        click.echo("\r\x1b[K", nl=False, err=True)
    if interrupted:
        raise KeyboardInterrupt
    return snapshot


def _report_unseen(names: Collection[str], messages: Collection[DeadMessage]) -> None:
    """Name what was asked for and is not there: what is there is worked on all the same."""
    seen = {message.message_id for message in messages}
    seen |= {message.job_id for message in messages if message.job_id is not None}
    for name in names:
        if name not in seen:
            click.echo(f"{name!r}: not seen in the dead-letter queue", err=True)


def _report_other_kinds(messages: list[DeadMessage], kinds: Collection[Kind]) -> None:
    others = Counter(message.kind for message in messages if message.kind not in kinds)
    for kind, number in others.items():
        hint = "; dlq redrive resumes their runs" if kind is Kind.UNFINISHED else ""
        click.echo(f"{number} {kind} left as they are{hint}", err=True)
