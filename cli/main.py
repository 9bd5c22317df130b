"""``coding-agent``: the entry point."""

from typing import Any

import click

from cli.installation import DISTRIBUTION
from cli.lazy_commands import LazyCommand, LazyGroup

COMMANDS = {
    "fix": LazyCommand("cli.fix", "Fix one issue here and now, on GitHub or in a local clone."),
    "worker": LazyCommand("cli.worker", "Take jobs from the queue and run them until stopped."),
    "submit": LazyCommand("cli.submit", "Put jobs on the queue."),
    "jobs": LazyCommand(
        "cli.jobs.command", "List and show jobs, runs and costs; retry or cancel a job."
    ),
    "console": LazyCommand("cli.console", "Serve web pages about runs, the queue and spend."),
    "queue": LazyCommand("cli.queue", "Count waiting jobs, jobs in progress, and outcomes."),
    "dlq": LazyCommand(
        "cli.dlq.commands", "Inspect the dead-letter queue, and put its jobs back to work."
    ),
    "webhook": LazyCommand("cli.webhook.command", "Handle events of GitHub that are in files."),
    "sandbox": LazyCommand(
        "cli.sandbox", "Run a command in the sandbox, check the sandbox, serve its helper."
    ),
    "doctor": LazyCommand(
        "cli.doctor", "Show each setting, where it came from, and what is wrong with it."
    ),
    "env": LazyCommand(
        "cli.explain_tests", "Explain how a repository's tests would be run here, and why."
    ),
    "schema": LazyCommand("cli.schema", "Print the JSON Schema of a job or an event."),
    "edits": LazyCommand(
        "cli.edits", "Apply the edits of a model's reply to a folder, and explain how."
    ),
    "prompts": LazyCommand("cli.prompts", "List, check, try and publish the prompt templates."),
}


class RootGroup(LazyGroup):
    """Ends a command that was interrupted, that lacks an optional package, or that the machine or
    AWS fails, with a message.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            from cli import exits

            click.echo("interrupted", err=True)
            ctx.exit(exits.INTERRUPTED)
        except ModuleNotFoundError as error:
            from cli import exits
            from cli.command import CommandError
            from cli.missing import explain_missing_module

            message = explain_missing_module(error)
            if message is None:
                raise
            raise CommandError(message, exits.USAGE) from None
        except Exception as error:
            from cli.failures import explain_failure

            message = explain_failure(error)
            if message is None:
                raise
            raise click.ClickException(message) from None


@click.command(
    cls=RootGroup, lazy_commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name=DISTRIBUTION)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="Folder with this machine's store, artifacts and mirrors.",
)
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False),
    help="File with settings; default: .env in the data directory.",
)
def main(data_dir: str | None, env_file: str | None) -> None:
    """Turn GitHub issues into pull requests.

    \b
    Examples:
      coding-agent doctor
      coding-agent fix https://github.com/octo/repo/issues/42
      coding-agent fix --repo . --issue-file bug.md --model scripted:reply.md
      coding-agent submit https://github.com/octo/repo/issues/42
      coding-agent worker

    Exit codes: 0 done, 1 error, 2 bad input or setting, 3 ended without a change, 4 infrastructure
    failed, 130 interrupted.
    """


def run(arguments: list[str] | None = None) -> Any:
    return main(arguments, prog_name="coding-agent")
