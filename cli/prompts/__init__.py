"""``coding-agent prompts``: what a prompt engineer works with."""

import click

from cli.prompts import compare, golden, look, replay, sets


@click.group("prompts")
def command() -> None:
    """Look at, check, try and publish the prompt templates.

    \b
    Examples:
      coding-agent prompts lint --template-dir ./mine
      coding-agent prompts golden --template-dir ./mine
      coding-agent prompts replay JOB_ID --from-stage propose_patch --template-dir ./mine
      coding-agent prompts publish ./mine --use
    """


for _part in (
    look.list_,
    look.show,
    look.lint_,
    look.render,
    look.diff,
    golden.golden,
    golden.watch,
    replay.replay,
    compare.compare,
    sets.publish_,
    sets.use,
):
    command.add_command(_part)
