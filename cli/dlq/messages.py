"""What the commands of ``dlq`` share: which letters are meant, the plan, moving them, files of
them.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from pydantic import ValidationError

from cli import exits
from cli.command import CommandError
from cli.options import Desk, at_desk, clock
from pipeline.job import explain
from prompts.filters import one_line

if TYPE_CHECKING:
    from cli.dlq.dead_letters import Exported, Kind, Letter

#: What becomes of one letter elsewhere, before it leaves the dead-letter queue; gives what to tell
#: of it.
Keep = Callable[["Desk", "Letter"], Awaitable[dict[str, str]]]
#: Lines of a plan.
MOST = 10


def look(
    ctx: click.Context,
    *,
    kinds: Sequence["Kind"] = (),
    ids: tuple[str, ...] = (),
    reason: str | None = None,
    repo: str | None = None,
    since: float | None = None,
    limit: int | None = None,
) -> list["Letter"]:
    """The letters that are meant. What can't be seen, and what is of no use here, is told on
    standard error.
    """
    from cli.dlq.dead_letters import Kind, Wanted

    shown = sys.stderr.isatty()

    def progress(count: int) -> None:
        if shown:
            click.echo(f"\r{count} seen", nl=False, err=True)

    looked, interrupted = at_desk(ctx, lambda desk: desk.letters.look(progress))
    if shown:
        click.echo("\r\x1b[K", nl=False, err=True)
    if interrupted:
        raise KeyboardInterrupt
    if looked.unseen:
        click.echo(
            f"about {looked.unseen} more can't be seen now: in somebody else's hands, or delayed",
            err=True,
        )
    wanted = Wanted(reason, repo, since, ids)
    found = [letter for letter in looked.letters if wanted(letter)]
    for kind, count in Counter(
        letter.kind for letter in found if kinds and letter.kind not in kinds
    ).items():
        hint = "; dlq redrive lets their runs go on" if kind is Kind.UNFINISHED else ""
        click.echo(f"{count} {kind} left as they are{hint}", err=True)
    return [letter for letter in found if not kinds or letter.kind in kinds][:limit]


def plan(
    letters: list["Letter"], verb: str, how: str, *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Say what will be done, and ask. Ends the command where there is nothing to do, or nothing is
    to be done.
    """
    click.echo(f"{verb} {messages(len(letters))} {how}".rstrip(), err=as_json)
    for (repository, reason), count in Counter(
        (x.repository or "-", x.pattern) for x in letters
    ).most_common(MOST):
        click.echo(f"{count:>6}  {repository}  {one_line(reason)[:160]}", err=as_json)
    if dry_run and as_json:
        for letter in letters:
            click.echo(json.dumps(summary(letter)))
    if dry_run or not letters:
        raise click.exceptions.Exit(exits.OK)
    if not yes:
        click.confirm(f"{verb} {'it' if len(letters) == 1 else 'them'}?", abort=True, err=True)


def move(
    ctx: click.Context,
    letters: list["Letter"],
    done: str,
    keep: Keep,
    *,
    rate: float | None = None,
    as_json: bool,
) -> None:
    """Move them, a line for each as soon as it is kept elsewhere."""
    kept: set[str] = set()

    async def work(desk: Desk) -> int:
        async def told(letter: "Letter") -> None:
            said = {
                "message_id": letter.message_id,
                "job_id": letter.job_id,
                **await keep(desk, letter),
            }
            kept.add(letter.message_id)
            line = "  ".join([done, *(value for value in said.values() if value)])
            click.echo(json.dumps(said) if as_json else line)

        return await desk.letters.move(letters, told, per_second=rate)

    try:
        moved, interrupted = at_desk(ctx, work)
    except CommandError as error:
        raise CommandError(
            f"{error.message}; {done} {len(kept)} of {len(letters)}: the same command goes on"
        ) from None
    tell_whole(moved, len(letters), done, interrupted)


def tell_whole(moved: int, wanted: int, done: str, interrupted: bool) -> None:
    click.echo(f"{done} {moved} of {wanted}", err=True)
    if interrupted:
        click.echo("interrupted; the same command goes on with what is left", err=True)
        raise click.exceptions.Exit(exits.INTERRUPTED)
    if moved < wanted:
        raise CommandError(
            f"{wanted - moved} could no longer be seen: moved by somebody else, or in their hands"
        )


def counts(letters: list["Letter"], by: str) -> Counter[str]:
    return Counter(
        letter.pattern if by == "reason" else letter.repository or "-" for letter in letters
    )


def summary(letter: "Letter") -> dict[str, Any]:
    return {
        "message_id": letter.message_id,
        "kind": letter.kind,
        "job_id": letter.job_id,
        "failed_generation": letter.delivery.failed_generation,
        "issue_url": letter.issue_url,
        "repository": letter.repository,
        "reason": letter.reason,
        "sent_at": clock(letter.delivery.sent_at),
    }


def messages(count: int) -> str:
    return f"{count} message{'s' * (count != 1)}"


@contextmanager
def new_file(path: Path) -> Iterator[Callable[[str], None]]:
    """Writes lines to a file that nobody else reads; each is on the disk when the call returns."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise CommandError(f"{path} can't be made: {error.strerror}", exits.USAGE) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:

        def write(line: str) -> None:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())

        yield write


def read(file: TextIO) -> list["Exported"]:
    from cli.dlq.dead_letters import Exported

    exported = []
    try:
        lines = file.read().split("\n")
    except UnicodeDecodeError:
        raise CommandError(
            f"{file.name} is not UTF-8 text; nothing was imported", exits.USAGE
        ) from None
    for number, line in enumerate(lines, 1):
        try:
            exported += [Exported.model_validate_json(line)] if line.strip() else []
        except ValidationError as error:
            where = f"{file.name}, line {number} (as dlq export writes it)"
            raise CommandError(
                f"{where}: {explain(error)}; nothing was imported", exits.USAGE
            ) from None
    return exported
