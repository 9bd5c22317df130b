"""What of a workspace is no part of a change."""

import pytest

from stages.propose_patch.agent.submission import is_by_product

BASE = ("calc.py", "build/lib.py")


@pytest.mark.parametrize(
    "path",
    [
        "pkg/__pycache__/calc.cpython-311.pyc",
        ".pytest_cache/v/cache/lastfailed",
        "src/calc.egg-info/PKG-INFO",
        "calc.py.orig",
        "dist/calc.whl",
        "venv/bin/python",
    ],
)
def test_what_programs_leave_behind_is_not_mentioned(path: str) -> None:
    assert is_by_product(path, BASE)


@pytest.mark.parametrize("path", ["build/new.py", "pkg/dist/new.py", "environment.py", "notes.txt"])
def test_other_new_files_are_looked_at(path: str) -> None:
    assert not is_by_product(path, BASE)
