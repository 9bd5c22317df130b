"""Reading the settings for a command, and telling plainly what is wrong with them."""

from pathlib import Path
from typing import Any

import click

from cli import exits
from pipeline import settings as config
from pipeline.settings import Settings, SettingsError


class Failure(click.ClickException):
    """One clear message on standard error, and an exit code."""

    def __init__(self, message: str, code: int = exits.ERROR):
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]


def read_env(ctx: click.Context) -> set[str]:
    """Lay ``.env`` (--env-file, or the one in the data directory; never the current folder's) under the environment."""
    root = ctx.find_root().obj or {}
    given, data_dir = root.get("env_file"), root.get("data_dir")
    try:
        path = Path(given) if given else config.load({"data_dir": data_dir}).data_dir / ".env"
    except SettingsError:
        return set()
    return set(config.read_env_file(path)) if path.is_file() else set()


def settings(ctx: click.Context, **overrides: Any) -> Settings:
    """The settings, with the command's own options over the environment's. Ends the command where they are wrong."""
    read_env(ctx)
    data_dir = (ctx.find_root().obj or {}).get("data_dir")
    try:
        return config.load({"data_dir": data_dir, **overrides})
    except SettingsError as error:
        raise Failure(f"{error}\nSee: coding-agent doctor", exits.USAGE) from None
