"""A command's settings, and the error that ends it with a message."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cli import exits
from pipeline import settings as config
from pipeline.settings import Settings, SettingsError


class CommandError(click.ClickException):
    """Ends the command with one message on standard error, and an exit code."""

    def __init__(self, message: str, code: int = exits.ERROR):
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]


@contextmanager
def exit_on_settings_error() -> Iterator[None]:
    """End the command with the error's message if a setting is wrong."""
    try:
        yield
    except SettingsError as error:
        raise CommandError(f"{error}\nSee: coding-agent doctor", exits.USAGE) from None


def settings(ctx: click.Context, **overrides: Any) -> Settings:
    """Return the settings; ``overrides`` are the command's own options. Ends the command if they
    are wrong.
    """
    read_env(ctx)
    with exit_on_settings_error():
        return config.load({"data_dir": global_option(ctx, "data_dir"), **overrides})


def read_env(ctx: click.Context) -> set[str]:
    """Add the variables of the .env file to the environment, which takes precedence. Return their
    names.

    The file is given by --env-file or is in the data directory; the current folder's is never read.
    """
    try:
        path = _env_file(ctx)
    except SettingsError:
        return set()
    if not path.is_file():
        return set()
    try:
        return set(config.read_env_file(path))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}", exits.USAGE) from None


def global_option(ctx: click.Context, name: str) -> str | None:
    """Return an option of ``coding-agent`` itself."""
    value: str | None = ctx.find_root().params.get(name)
    return value


def _env_file(ctx: click.Context) -> Path:
    env_file = global_option(ctx, "env_file")
    if env_file is not None:
        return Path(env_file)
    data_dir = config.load({"data_dir": global_option(ctx, "data_dir")}).data_dir
    return data_dir / ".env"
