"""Load the tests of a built environment, and install what is missing."""

from collections.abc import Sequence
from pathlib import Path

from repository.testing.command_log import CommandLog
from repository.testing.loading.additions import AdditionInstaller
from repository.testing.loading.symptoms import find_symptoms
from repository.testing.models import Addition, Recipe
from repository.testing.run.bed import TestBed
from sandbox import Sandbox

#: A package may need another one, which only shows when it is installed.
_MAX_LOADS = 4
_SECONDS = 90.0


def open_for_loading(sandbox: Sandbox, workspace: Path, recipe: Recipe) -> TestBed:
    """Open a test bed in which tests are loaded only, so that nothing is saved."""
    return TestBed.open(sandbox, workspace, recipe, seconds=_SECONDS, save=_discard)


async def _discard(name: str, _: bytes | str) -> str:
    return name


async def load_tests(
    bed: TestBed, tests: Sequence[str], installer: AdditionInstaller, log: CommandLog
) -> list[Addition]:
    """Load tests with pytest until nothing is missing that can be had; return what was added.

    Other runners load tests only when they run them.
    """
    additions: list[Addition] = []
    if bed.recipe.runner != "pytest":
        return additions
    for _ in range(_MAX_LOADS):
        output = await bed.load(tests, log)
        new = await installer.install(find_symptoms(output))
        if not new:
            break
        additions += new
    return additions
