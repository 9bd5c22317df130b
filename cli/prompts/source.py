"""Find the template set of a command: a folder, a published set by its hash, or the current one."""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from prompts import TemplateError, TemplateSet

template_dir = click.option(
    "--template-dir",
    "--templates",
    "named",
    metavar="FOLDER|HASH",
    help=(
        "A folder of templates, or a published set; default: the current set of"
        " CODING_AGENT_TEMPLATES."
    ),
)


@contextmanager
def exit_on_template_error() -> Iterator[None]:
    """Turn a TemplateError into an error of the command."""
    try:
        yield
    except TemplateError as error:
        raise CommandError(str(error), exits.USAGE) from None


def load(ctx: click.Context, named: str | None) -> TemplateSet:
    """Load the folder or published set ``named``; None for the current set."""
    from cli.backends import template_sets

    with exit_on_template_error(), exit_on_settings_error():
        if named and Path(named).is_dir():
            return TemplateSet.load(Path(named))
        sets = template_sets(settings(ctx))
        if named and not re.fullmatch(r"[0-9a-f]{64}", named):
            raise CommandError(
                f"{named}: neither a folder nor the hash of a published set", exits.USAGE
            )
        if named:
            return sets.get(named)
        return sets.latest()


def changed_lines(before: str, after: str, name: str) -> str:
    """Return a unified diff; empty if nothing changed."""
    old = before.splitlines(keepends=True)
    new = after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))
