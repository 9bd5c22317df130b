"""The application in this process, with a scripted model and GitHub's stand-in."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cli import backends, wiring
from pipeline import settings as config
from pipeline.model import ModelReply, ModelRequest
from tests.stand_ins.github import GithubStandIn

Complete = Callable[[ModelRequest], Awaitable[ModelReply]]


def build_app(
    folder: Path,
    github: GithubStandIn,
    script: list[dict[str, Any]],
    settings: dict[str, Any],
    watch: Callable[[Complete], Complete],
) -> wiring.App:
    """Build the application with the strategy ``single``.

    Args:
        folder: for the script and the data.
        script: the model's replies.
        settings: over those of every such application; the token is one of them.
        watch: returns what takes the place of the model's method ``complete``.
    """
    path = folder / "script.json"
    path.write_text(json.dumps(script))
    chosen = config.load(
        {
            "data_dir": folder / "data",
            "model": f"scripted:{path}",
            "strategy": "single",
            "github_api_url": github.api_url,
            **settings,
        }
    )
    _, model = backends.model_client(chosen)
    model.complete = watch(model.complete)  # type: ignore[method-assign]
    return wiring.build(chosen, backends.github_forge(chosen), model=model)


def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of the machine that runs the tests."""
    for name in list(os.environ):
        if name.startswith(("CODING_AGENT_", "GITHUB_")):
            monkeypatch.delenv(name)
