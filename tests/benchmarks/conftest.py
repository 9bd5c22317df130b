"""A small repository with instances, and ``benchmarks.solve`` on them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.solve import main
from tests.benchmarks.test_instances import git

SHOP = "def total(items):\n    return sum(items[1:])\n"
FILES = {"shop.py": SHOP, "broken.py": "def nothing():\n    return None\n"}
TESTS = """import unittest

from shop import total


class Totals(unittest.TestCase):
    def test_nothing(self):
        self.assertEqual(total([]), 0)
"""
ONE = """
    def test_one(self):
        self.assertEqual(total([3]), 3)
"""
HOPELESS = """
    def test_one(self):
        self.assertEqual(total([3]), 4)
"""


def make_patch(folder: Path, name: str, text: str) -> str:
    """Return the diff that writes a file, and leave the file as it was."""
    file = folder / name
    before = file.read_text()
    file.write_text(text)
    patch = git(folder, "diff")
    file.write_text(before)
    return f"{patch}\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repos/octo__shop"
    (folder / "tests").mkdir(parents=True)
    for name, text in {**FILES, "tests/test_shop.py": TESTS}.items():
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


@pytest.fixture
def instances(repository: Path) -> list[dict[str, Any]]:
    """Three instances, and two that are left out.

    The second's test does not pass with its reference. The last one's reference breaks an old test
    that its author changed with it.
    """
    common = {
        "repo": "octo/shop",
        "base_commit": git(repository, "rev-parse", "HEAD"),
        "problem_statement": "total is too low\n\nSee shop.py",
        "patch": make_patch(repository, "shop.py", SHOP.replace("[1:]", "")),
        "FAIL_TO_PASS": ["tests/test_shop.py::Totals::test_one"],
        "PASS_TO_PASS": ["tests/test_shop.py::Totals::test_nothing"],
    }
    resolvable = {
        **common,
        "instance_id": "octo__shop-1",
        "test_patch": make_patch(repository, "tests/test_shop.py", TESTS + ONE),
    }
    hopeless = {
        **common,
        "instance_id": "octo__shop-2",
        "test_patch": make_patch(repository, "tests/test_shop.py", TESTS + HOPELESS),
    }
    without_tests = {**common, "instance_id": "octo__shop-3", "FAIL_TO_PASS": []}
    breaks_old_test = {
        **common,
        "instance_id": "octo__shop-4",
        "PASS_TO_PASS": [],
        "FAIL_TO_PASS": ["tests/test_shop.py::Totals::test_nothing"],
        "patch": make_patch(repository, "shop.py", SHOP.replace("items[1:]", "items, 1")),
        "test_patch": make_patch(repository, "tests/test_shop.py", TESTS.replace("0)", "1)")),
    }
    elsewhere = {**common, "instance_id": "octo__other-1", "repo": "octo/other"}
    return [resolvable, hopeless, without_tests, breaks_old_test, elsewhere]


@pytest.fixture
def arguments(
    instances: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setenv("CODING_AGENT_SANDBOX", "none")
    file = tmp_path / "instances.jsonl"
    file.write_text("".join(f"{json.dumps(instance)}\n" for instance in instances))
    return ["--instances", str(file), "--repos", str(tmp_path / "repos")]


Solve = Callable[..., dict[str, Any]]


@pytest.fixture
def solve(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Solve:
    """Run the benchmark and return its JSON document."""

    def run(*more: str) -> dict[str, Any]:
        file = tmp_path / "out.json"
        if "--out" not in more:
            more = (*more, "--out", str(tmp_path / "out"))
        monkeypatch.setattr(sys, "argv", ["solve", *arguments, *more, "--json", str(file)])
        main()
        document: dict[str, Any] = json.loads(file.read_text())
        return document

    return run
