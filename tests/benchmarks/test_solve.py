"""Instances of a small repository through the real pipeline, the model an oracle."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.solve import main
from tests.benchmarks.test_instances import git

BASE = {
    "shop.py": "def total(items):\n    return sum(items[1:])\n",
    "broken.py": "def nothing():\n    return None\n",
}
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


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three instances: the second's test does not pass with its reference, the last's reference breaks an old test that
    its author changed with it; and two that are left out."""
    folder = tmp_path / "repos/octo__shop"
    (folder / "tests").mkdir(parents=True)
    for name, text in (BASE | {"tests/test_shop.py": TESTS}).items():
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "first")
    base = git(folder, "rev-parse", "HEAD")

    def patch(name: str, text: str) -> str:
        before = (folder / name).read_text()
        (folder / name).write_text(text)
        told = git(folder, "diff") + "\n"
        (folder / name).write_text(before)
        return told

    fix = patch("shop.py", BASE["shop.py"].replace("[1:]", ""))
    common = {
        "repo": "octo/shop",
        "base_commit": base,
        "problem_statement": "total is too low\n\nSee shop.py",
        "patch": fix,
        "FAIL_TO_PASS": ["tests/test_shop.py::Totals::test_one"],
        "PASS_TO_PASS": ["tests/test_shop.py::Totals::test_nothing"],
    }
    lines = [
        common
        | {
            "instance_id": "octo__shop-1",
            "test_patch": patch("tests/test_shop.py", TESTS + ONE),
        },
        common
        | {
            "instance_id": "octo__shop-2",
            "test_patch": patch("tests/test_shop.py", TESTS + HOPELESS),
        },
        common | {"instance_id": "octo__shop-3", "FAIL_TO_PASS": []},
        common
        | {
            "instance_id": "octo__shop-4",
            "PASS_TO_PASS": [],
            "FAIL_TO_PASS": ["tests/test_shop.py::Totals::test_nothing"],
            "patch": patch("shop.py", BASE["shop.py"].replace("items[1:]", "items, 1")),
            "test_patch": patch("tests/test_shop.py", TESTS.replace("0)", "1)")),
        },
        common | {"instance_id": "octo__other-1", "repo": "octo/other"},
    ]
    (tmp_path / "instances.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setenv("CODING_AGENT_SANDBOX", "none")
    return ["--instances", str(tmp_path / "instances.jsonl"), "--repos", str(tmp_path / "repos")]


def test_the_reference_is_resolved_where_its_environment_lets_it(
    given: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.json"
    monkeypatch.setattr(
        sys, "argv", ["solve", *given, "--model", "oracle", "--jobs", "2", "--json", str(out)]
    )
    main()
    told = json.loads(out.read_text())
    said = capsys.readouterr()
    assert {
        name: told["summary"][name] for name in ("instances", "resolved", "share", "cost_usd")
    } == {
        "instances": 3,
        "resolved": 2,
        "share": 2 / 3,
        "cost_usd": 0.0,
    }
    first, second, third = told["rows"]
    assert (first["instance_id"], first["resolved"], first["lost_at"]) == (
        "octo__shop-1",
        True,
        None,
    )
    assert (first["outcome"], first["fail_to_pass_ok"], first["pass_to_pass_ok"]) == (
        "proposed",
        1,
        1,
    )
    assert (second["resolved"], second["lost_at"], second["reference_resolves"]) == (
        False,
        "evaluation",
        False,
    )
    assert second["reason"].startswith(
        "environment: with the reference too, 1 of 1 FAIL_TO_PASS not passed"
    )
    assert "left out: 1 (no FAIL_TO_PASS)" in said.err
    assert "left out: 1 (no repository octo/other)" in said.err
    assert "octo/shop: 2 of 3" in said.out
    assert (third["resolved"], third["rounds"], third["verification"]) == (True, 2, "red to green")


def test_a_run_that_finds_no_fix_is_lost_at_its_last_stage(
    given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("- reply: I do not know.\n")
    out = tmp_path / "out.json"
    monkeypatch.setattr(
        sys,
        "argv",
        [
            "solve",
            *given,
            "--only",
            "octo__shop-1",
            "--model",
            f"scripted:{script}",
            "--json",
            str(out),
        ],
    )
    main()
    (row,) = json.loads(out.read_text())["rows"]
    assert (row["outcome"], row["lost_at"], row["resolved"]) == ("no_fix", "apply_patch", False)


def test_a_model_that_is_not_there_is_told_without_a_traceback(given: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks.solve", *given, "--model", "scripted:/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "/nowhere" in done.stderr


def test_recorded_exchanges_make_the_same_patches_again(
    given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second round reads a failing test's output, which must be the same on another run and in
    another folder.
    """
    script = tmp_path / "script.yaml"
    wrong, right = (
        f"def total(items):\n    return {say}\n" for say in ("len(items)", "sum(items)")
    )
    replies = [
        f"shop.py\n<<<<<<< SEARCH\n{BASE['shop.py']}=======\n{text}>>>>>>> REPLACE\n"
        for text in (wrong, right)
    ]
    test = "tests/test_more.py\n<<<<<<< SEARCH\n=======\n" + TESTS.replace(
        "total([]), 0", "total([5]), 5"
    )
    replies = [f"{reply}\n{test}>>>>>>> REPLACE\n" for reply in replies]
    script.write_text(
        json.dumps([{"reply": replies[1], "when": "tests fail"}, {"reply": replies[0]}])
    )
    patches = []
    for model in (f"scripted:{script}", f"replay:{tmp_path / 'one'}"):
        out = tmp_path / "out.json"
        work = tmp_path / ("two" if patches else "one")
        monkeypatch.setattr(
            sys,
            "argv",
            [
                "solve",
                *given,
                "--only",
                "octo__shop-1",
                "--model",
                model,
                "--work",
                str(work),
                "--json",
                str(out),
            ],
        )
        main()
        (row,) = json.loads(out.read_text())["rows"]
        assert (row["rounds"], row["resolved"]) == (2, True), row["reason"]
        patches.append(row["model_patch"])
    assert patches[0] == patches[1] and "+    return sum(items)" in patches[0]
