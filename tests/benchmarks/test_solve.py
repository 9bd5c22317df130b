"""Instances of a small repository through the real pipeline, with an oracle for the model."""

import json
import subprocess
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
        out = tmp_path / "out.json"
        monkeypatch.setattr(sys, "argv", ["solve", *arguments, *more, "--json", str(out)])
        main()
        document: dict[str, Any] = json.loads(out.read_text())
        return document

    return run


def test_the_oracle_resolves_what_the_environment_allows(
    solve: Solve, capsys: pytest.CaptureFixture[str]
) -> None:
    document = solve("--model", "oracle", "--jobs", "2")
    output = capsys.readouterr()
    summary = document["summary"]
    assert summary["instances"] == 3
    assert summary["resolved"] == 2
    assert summary["share"] == 2 / 3
    assert summary["cost_usd"] == 0.0

    resolved, hopeless, sent_back = document["rows"]
    assert resolved["instance_id"] == "octo__shop-1"
    assert (resolved["resolved"], resolved["lost_at"]) == (True, None)
    assert resolved["outcome"] == "proposed"
    assert (resolved["fail_to_pass_ok"], resolved["pass_to_pass_ok"]) == (1, 1)

    assert (hopeless["resolved"], hopeless["lost_at"]) == (False, "evaluation")
    assert hopeless["reference_resolves"] is False
    reason = "environment: also with the reference, 1 of 1 FAIL_TO_PASS not passed"
    assert hopeless["reason"].startswith(reason)

    assert sent_back["resolved"]
    assert (sent_back["rounds"], sent_back["verification"]) == (2, "red to green")

    assert "left out: 1 (no FAIL_TO_PASS)" in output.err
    assert "left out: 1 (no repository octo/other)" in output.err
    assert "octo/shop: 2 of 3" in output.out


def test_a_run_without_a_fix_is_lost_at_its_last_stage(solve: Solve, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("- reply: I do not know.\n")
    document = solve("--only", "octo__shop-1", "--model", f"scripted:{script}")
    (row,) = document["rows"]
    assert row["outcome"] == "no_fix"
    assert row["lost_at"] == "apply_patch"
    assert row["resolved"] is False


def test_a_missing_model_is_named_without_a_traceback(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.solve", *arguments, "--model", "scripted:/nowhere"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "/nowhere" in result.stderr


def reply_with(body: str) -> str:
    """Return a reply that writes the function's body and a new test."""
    fixed = f"def total(items):\n    return {body}\n"
    test = TESTS.replace("total([]), 0", "total([5]), 5")
    return (
        f"shop.py\n<<<<<<< SEARCH\n{SHOP}=======\n{fixed}>>>>>>> REPLACE\n\n"
        f"tests/test_more.py\n<<<<<<< SEARCH\n=======\n{test}>>>>>>> REPLACE\n"
    )


def test_recorded_exchanges_reproduce_the_patches(solve: Solve, tmp_path: Path) -> None:
    """The second round reads a failing test's output.

    It must be the same in another run and in another folder.
    """
    script = tmp_path / "script.yaml"
    right = {"reply": reply_with("sum(items)"), "when": "tests fail"}
    wrong = {"reply": reply_with("len(items)")}
    script.write_text(json.dumps([right, wrong]))
    recorded = str(tmp_path / "one")
    patches: list[str] = []
    for model, work in ((f"scripted:{script}", recorded), (f"replay:{recorded}", "two")):
        folder = str(tmp_path / work)
        document = solve("--only", "octo__shop-1", "--model", model, "--work", folder)
        (row,) = document["rows"]
        assert row["rounds"] == 2, row["reason"]
        assert row["resolved"], row["reason"]
        patches.append(row["model_patch"])
    assert patches[0] == patches[1]
    assert "+    return sum(items)" in patches[0]
