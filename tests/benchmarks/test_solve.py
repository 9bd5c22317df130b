"""Instances of a small repository through the real pipeline, with an oracle for the model."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.conftest import SHOP, TESTS, Solve


@pytest.mark.slow
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
    document = solve(
        "--only", "octo__shop-1", "--model", f"scripted:{script}", "--strategy", "single"
    )
    (row,) = document["rows"]
    assert row["outcome"] == "no_fix"
    assert row["lost_at"] == "apply_patch"
    assert row["resolved"] is False


def test_a_missing_model_is_named_without_a_traceback(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.solve", *arguments, "--out", str(tmp_path / "out")]
    command += ["--model", "scripted:/nowhere", "--strategy", "single"]
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


@pytest.mark.slow
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
        document = solve(
            "--only", "octo__shop-1", "--model", model, "--strategy", "single", "--out", folder
        )
        (row,) = document["rows"]
        assert row["rounds"] == 2, row["reason"]
        assert row["resolved"], row["reason"]
        patches.append(row["model_patch"])
    assert patches[0] == patches[1]
    assert "+    return sum(items)" in patches[0]
