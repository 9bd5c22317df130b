"""``coding-agent webhook``: GitHub's events."""

import click

from cli.lazy_commands import LazyCommand, LazyGroup

_COMMANDS = {
    "redeliver": LazyCommand("cli.webhook.redeliver", "Handle an event that is in a file."),
}


@click.command("webhook", cls=LazyGroup, lazy_commands=_COMMANDS)
def command() -> None:
    """Handle events of GitHub that did not reach the worker.

    \b
    Examples:
      coding-agent webhook redeliver event.json --event issues
    """
