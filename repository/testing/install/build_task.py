"""What an environment is built from, and how long that may take."""

from dataclasses import dataclass
from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.install.tools import BuildTools
from repository.testing.models import Recipe

BUILD_SECONDS = 360.0
_MIN_BUILD_SECONDS = 60.0


def build_seconds(max_minutes: float) -> float:
    """Return the time limit of a build in a run of ``max_minutes``: a quarter, 1 to 6 minutes."""
    return min(BUILD_SECONDS, max(_MIN_BUILD_SECONDS, max_minutes * 60 / 4))


@dataclass(frozen=True)
class BuildTask:
    """The inputs for building an environment."""

    tools: BuildTools
    workspace: Path
    recipe: Recipe
    log: CommandLog
    seconds: float = BUILD_SECONDS
    """Total time limit."""
    build_inputs: str = ""
    """A hash of the files on which the repository's installation depends."""
