"""``coding-agent``: the entry point. Commands are imported when called, so that --help answers at
once.
"""

import importlib
from typing import Any

import click

#: command -> (module, what --help lists)
COMMANDS = {
    "fix": ("cli.fix", "Fix one issue here and now, on GitHub or in a local repository."),
    "worker": ("cli.worker", "Take jobs from the queue and run them, until told to stop."),
    "submit": ("cli.submit", "Put a job on the queue."),
    "jobs": ("cli.jobs", "List and show jobs, their runs and spend; retry or cancel one."),
    "queue": ("cli.queue", "Count what waits, what is in work, and how runs ended."),
    "dlq": ("cli.dlq.commands", "Look at the dead-letter queue, and put its jobs back to work."),
    "sandbox": (
        "cli.sandbox",
        "Run a command in the sandbox, check what it holds here, serve its helper.",
    ),
    "doctor": ("cli.doctor", "Show each setting, where it came from, and what is wrong with it."),
    "env": ("cli.explain_tests", "Say how the tests of a repository are run here, and why so."),
    "schema": ("cli.schema", "Print the JSON Schema of a job or an event."),
    "edits": ("cli.edits", "Apply the edits of a model's reply to a folder, and explain how."),
    "prompts": ("cli.prompts", "List, check and render the prompt templates."),
}


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            from cli import exits

            click.echo("interrupted", err=True)
            ctx.exit(exits.INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="coding-agent")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False),
    help="Store, artifacts and mirrors of this machine.",
)
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False),
    help="Settings; default: .env in the data directory.",
)
@click.pass_context
def main(ctx: click.Context, data_dir: str | None, env_file: str | None) -> None:
    """Turn GitHub issues into pull requests, dependably.

    \b
    Examples:
      coding-agent doctor
      coding-agent fix https://github.com/octo/repo/issues/42
      coding-agent fix --repo . --issue-file bug.md --model scripted:reply.md
      coding-agent submit https://github.com/octo/repo/issues/42
      coding-agent worker

    Exit codes: 0 done, 1 error, 2 bad input or setting, 3 ended without a change, 4 infrastructure failed,
    130 interrupted.
    """
    ctx.obj = {"data_dir": data_dir, "env_file": env_file}


def run(arguments: list[str] | None = None) -> Any:
    return main(arguments, prog_name="coding-agent")
