"""A group of commands that imports each one when it is called, so that --help answers at once."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
from click.shell_completion import CompletionItem


@dataclass(frozen=True)
class LazyCommand:
    """A command that is imported when it is called."""

    module: str
    """Contains the click command under the name ``command``."""
    help: str

    def load(self) -> click.Command:
        command: click.Command = importlib.import_module(self.module).command
        return command


class LazyGroup(click.Group):
    """Its commands are listed in the given order."""

    def __init__(self, *arguments: Any, lazy_commands: Mapping[str, LazyCommand], **options: Any):
        super().__init__(*arguments, **options)
        self._lazy_commands = lazy_commands
        for name in lazy_commands:
            # click suggests these names for one that is not known.
            self.commands[name] = click.Command(name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy_commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy_commands:
            return None
        return self._lazy_commands[cmd_name].load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.help) for name, command in self._lazy_commands.items()]
            )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing the commands."""
        items = click.Command.shell_complete(self, ctx, incomplete)
        for name, command in self._lazy_commands.items():
            if name.startswith(incomplete):
                items.append(CompletionItem(name, help=command.help))
        return items
