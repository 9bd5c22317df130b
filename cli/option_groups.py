"""Pass options that belong together to a command as one dataclass; check shared options."""

import functools
import re
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def option_group(
    parameter: str, group: "type[DataclassInstance]", *options: Decorator
) -> Decorator:
    """Return a decorator that adds ``options`` to a command, and passes their values to it as one
    ``group`` in its parameter ``parameter``. Each option has the name of a field of the group.
    """
    names = [field.name for field in fields(group)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def grouped(*arguments: Any, **values: Any) -> Any:
            members = {name: values.pop(name) for name in names}
            values[parameter] = group(**members)
            return command(*arguments, **values)

        decorated: Callable[..., Any] = grouped
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _check_repository(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> str | None:
    """Refuse an option's value that is not OWNER/NAME; click passes None if it is not given."""
    if value is not None and not _REPOSITORY.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not OWNER/NAME")
    return value


def repository_option(help: str) -> Decorator:
    """Return an option that passes ``OWNER/NAME``, or None, as ``repository``."""
    return click.option(
        "--repo",
        "--repository",
        "repository",
        metavar="OWNER/NAME",
        callback=_check_repository,
        help=help,
    )
