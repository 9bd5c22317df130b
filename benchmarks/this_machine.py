"""What measurements use of this machine: settings in a folder of their own, and build tools."""

import os
from pathlib import Path

from cli.backends import python_folders, sandbox_for, uv_path
from pipeline import settings as config
from pipeline.settings import Settings
from repository.testing.install.tools import BuildTools, index_settings

_UNLIMITED_USD = 1e6


def load_settings(folder: Path, **settings: object) -> Settings:
    """Return the environment's settings with these, with everything stored in ``folder``.

    A measurement uses one model, without a fallback, no queue, and makes many runs in a day.

    Raises:
        SettingsError: a setting is wrong.
    """
    loaded = config.load(
        {
            "data_dir": folder / "data",
            "store": f"sqlite:///{folder / 'store.sqlite'}",
            "artifacts": str(folder / "artifacts"),
            "max_cost_usd_per_repository_day": _UNLIMITED_USD,
            "max_cost_usd_per_day": _UNLIMITED_USD,
            **settings,
        }
    )
    none = {"queue_url": None, "topic_arn": None, "fallback_model": None}
    return loaded.model_copy(update=none)


def load_build_tools(folder: Path) -> BuildTools:
    """Return the tools for environments, with their caches below ``folder``."""
    settings = config.load()
    return BuildTools(
        sandbox_for(settings, local=True),
        pythons=python_folders(settings),
        uv=uv_path(),
        cache=folder / "cache",
        index=index_settings(os.environ),
    )
