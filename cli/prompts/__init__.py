"""``coding-agent prompts``: the commands for prompt engineers."""

import click

from cli.prompts import compare, golden, inspection, render, replay, sets


@click.group("prompts")
def command() -> None:
    """Inspect, check, try and publish the prompt templates.

    \b
    Examples:
      coding-agent prompts lint --template-dir ./mine
      coding-agent prompts golden --template-dir ./mine
      coding-agent prompts replay octo/repo#42 --from-stage propose_patch --template-dir ./mine
      coding-agent prompts publish ./mine --use
    """


for _subcommand in (
    inspection.list_,
    inspection.show,
    inspection.lint_,
    render.render,
    inspection.diff,
    golden.golden,
    golden.watch,
    replay.replay,
    compare.compare,
    sets.publish_,
    sets.use,
):
    command.add_command(_subcommand)
