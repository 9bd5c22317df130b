"""The import contracts of pyproject.toml catch an import against the direction."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "prompts",
    "sandbox",
    "repository",
    "pipeline",
    "stages",
    "console",
    "cli",
    "tools",
    "benchmarks",
)
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
#: A file, an import against the direction, and what the report says about it.
PLANTED = (
    ("repository/git/mirror.py", "import pipeline.errors", "repository is not allowed to import"),
    ("stages/checkout.py", "import stages.run_tests", "stages.checkout is not allowed to"),
    ("pipeline/job.py", "import pipeline.store", "pipeline.job is not allowed to import"),
    ("repository/toml.py", "import repository.config", "repository.toml is not allowed to"),
    ("sandbox/limits.py", "import sandbox.choose", "No cycles are allowed in sandbox"),
    ("cli/exits.py", "import benchmarks.crash", "cli is not allowed to import benchmarks"),
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages and their contracts."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder


def check_imports(checkout: Path) -> str:
    """Return import-linter's report; empty if every contract is kept."""
    result = subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if result.returncode == 0 else result.stdout


def test_each_planted_import_against_the_direction_breaks_a_contract(checkout: Path) -> None:
    assert check_imports(checkout) == ""
    for file, planted, _ in PLANTED:
        with (checkout / file).open("a") as module:
            module.write(f"\n{planted}\n")
    report = " ".join(check_imports(checkout).split())
    for file, planted, broken in PLANTED:
        assert broken in report, f"{file}: {planted}"
