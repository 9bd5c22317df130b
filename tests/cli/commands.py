"""All commands of the program."""

from collections.abc import Iterator

import click

from cli.main import main

#: Commands that change the store, a queue or files; all others only read.
WRITES = {
    "fix",
    "worker",
    "submit",
    "jobs cancel",
    "jobs retry",
    "queue retry-events",
    "dlq discard",
    "dlq export",
    "dlq import",
    "dlq redrive",
    "dlq replay",
    "webhook redeliver",
    "sandbox check",  # it runs in the data directory
    "sandbox run",
    "sandbox serve",
    "edits apply",
    "prompts publish",
    "prompts use",
    "prompts render",  # of an issue: it fetches the repository, and builds its environment
}


def each_group_or_command() -> Iterator[tuple[str, click.Command]]:
    """Iterate over the program itself, its groups and its commands: the name as it is typed after
    the program's, and the command.
    """
    yield from _from(main, ())


def each_command() -> Iterator[tuple[str, click.Command]]:
    """The same without the groups."""
    for name, command in each_group_or_command():
        if not isinstance(command, click.Group):
            yield name, command


def _from(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if not isinstance(command, click.Group):
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        subcommand = command.get_command(context, name)
        assert subcommand is not None
        yield from _from(subcommand, (*path, name))
