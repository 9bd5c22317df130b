"""By-products of running programs, which are not part of a change."""

import pytest

from stages.propose_patch.agent.by_products import is_by_product

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
def test_by_products_are_recognized(path: str) -> None:
    assert is_by_product(path, BASE)


@pytest.mark.parametrize("path", ["build/new.py", "pkg/dist/new.py", "environment.py", "notes.txt"])
def test_other_new_files_are_not_by_products(path: str) -> None:
    assert not is_by_product(path, BASE)
