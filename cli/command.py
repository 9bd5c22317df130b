"""Reading the settings for a command, and telling plainly what is wrong with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cli import exits
from pipeline import settings as config
from pipeline.settings import Settings, SettingsError


class CommandError(click.ClickException):
    """One clear message on standard error, and an exit code."""

    def __init__(self, message: str, code: int = exits.ERROR):
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]


@contextmanager
def exit_on_settings_error() -> Iterator[None]:
    """What is wrong with a setting ends the command with its message."""
    try:
        yield
    except SettingsError as error:
        raise CommandError(f"{error}\nSee: coding-agent doctor", exits.USAGE) from None


def read_env(ctx: click.Context) -> set[str]:
    """Lay ``.env`` (--env-file, or the one in the data directory; never the current folder's) under
    the environment.
    """
    given = _option(ctx, "env_file")
    data_dir = _option(ctx, "data_dir")
    try:
        path = Path(given) if given else config.load({"data_dir": data_dir}).data_dir / ".env"
    except SettingsError:
        return set()
    try:
        return set(config.read_env_file(path)) if path.is_file() else set()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}", exits.USAGE) from None


def settings(ctx: click.Context, **overrides: Any) -> Settings:
    """The settings, with the command's own options over the environment's. Ends the command where
    they are wrong.
    """
    read_env(ctx)
    with exit_on_settings_error():
        return config.load({"data_dir": _option(ctx, "data_dir"), **overrides})


def _option(ctx: click.Context, name: str) -> str | None:
    """An option of ``coding-agent`` itself."""
    value: str | None = (ctx.find_root().obj or {}).get(name)
    return value
