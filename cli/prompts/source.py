"""Find the template set of a command: a folder, a published set by its hash, the shipped set, or
the current one.
"""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings
from prompts.template_set import TemplateError, TemplateSet

#: The name of the set that this version of the program contains.
SHIPPED_SET = "default"
_MIN_DIGITS = 4
_HASH = re.compile(rf"[0-9a-f]{{{_MIN_DIGITS},64}}")

template_dir = click.option(
    "--template-dir",
    "--templates",
    "named",
    metavar="FOLDER|HASH",
    help=(
        "A folder of templates, a published set by the first digits of its hash, or `default` for"
        " the shipped one. Without it: the current set of CODING_AGENT_TEMPLATES."
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
        return sets.get(hash_of_name(named)) if named else sets.latest()


def hash_of_name(named: str) -> str:
    """Return the hash or its beginning that names a set on the command line: of the shipped set,
    for its name ``default``. Ends the command if it is none.
    """
    if named == SHIPPED_SET:
        return TemplateSet.load().set_hash
    if _HASH.fullmatch(named):
        return named
    raise CommandError(
        f"{named}: neither a folder, nor {_MIN_DIGITS} or more digits of a published set's hash,"
        f" nor {SHIPPED_SET}",
        exits.USAGE,
    )


def changed_lines(before: str, after: str, name: str) -> str:
    """Return a unified diff; empty if nothing changed."""
    old = before.splitlines(keepends=True)
    new = after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, f"a/{name}", f"b/{name}"))
