"""``coding-agent jobs path``."""

import click

from cli.command import exit_on_settings_error, settings


@click.command("path")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print where the store is: the path of its SQLite file, or the name of its DynamoDB table.

    The file's views have a column for each value. `jobs export` writes a file with types and links.

    \b
    Examples:
      datasette "$(coding-agent jobs path)"
      sqlite3 "$(coding-agent jobs path)" "SELECT outcome, count(*) FROM runs GROUP BY outcome"
    """
    from cli.stores import require_store

    chosen = settings(ctx)
    with exit_on_settings_error():
        require_store(chosen)
    click.echo(chosen.store_table or chosen.store_path.absolute())
