"""Every measuring program can at least be imported: linters do not resolve the names it imports."""

import importlib
from pathlib import Path

import pytest

PROGRAMS = sorted(path.stem for path in Path(__file__).parents[2].glob("benchmarks/[a-z]*.py"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_can_be_imported(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")
