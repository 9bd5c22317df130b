"""``prompts publish`` and ``prompts use``: deliver a set to the workers without a redeploy."""

from pathlib import Path

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from cli.prompts.publishing import publish_folder
from cli.prompts.source import exit_on_template_error, hash_of_name
from pipeline.errors import describe


@click.command("publish")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--use", "make_current", is_flag=True, help="Also make it current.")
@click.pass_context
def publish_(ctx: click.Context, folder: Path, make_current: bool) -> None:
    """Check and store a folder's templates for the workers, and print the set's hash.

    A replay can then name the set (`replay.template_set`).

    \b
    Example:
      coding-agent prompts publish ./mine --use
    """
    set_hash = publish_folder(ctx, folder)
    if make_current:
        _use(ctx, set_hash)
    click.echo(set_hash)


@click.command("use")
@click.argument("set_hash", metavar="HASH")
@click.pass_context
def use(ctx: click.Context, set_hash: str) -> None:
    """Make a published set current: every worker uses it for runs that start from now on.

    Runs that have already started keep theirs. To undo a change, use the earlier set's hash.

    HASH may be the first digits of one, or `default`: the set that this version contains.

    \b
    Examples:
      coding-agent prompts use 9f86d081884c
      coding-agent prompts use default
    """
    click.echo(f"{_use(ctx, hash_of_name(set_hash))} is current")


def _use(ctx: click.Context, set_hash: str) -> str:
    """Make the set current, and return its whole hash."""
    from cli.backends import template_sets

    with exit_on_template_error(), exit_on_settings_error():
        sets = template_sets(settings(ctx))
        try:
            return sets.use(set_hash)
        except ValueError as error:
            raise CommandError(str(error), exits.USAGE) from None
        except Exception as error:  # from the disk, or one of the many from S3
            raise CommandError(f"the current set was not changed: {describe(error)}") from None
