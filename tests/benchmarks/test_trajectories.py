"""Recorded runs of a small repository through the real pipeline, with their commands as replies."""

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.instances import Instance
from benchmarks.recordings import Recording
from benchmarks.replayer import Case, Replayer
from benchmarks.trajectories import main, sample_cases
from benchmarks.trajectory_rows import RowFile, summary
from tests.benchmarks.conftest import ONE, SHOP, TESTS, make_patch
from tests.benchmarks.test_instances import git

FIX = SHOP.replace("[1:]", "")
HAND_IN = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git add -A && git diff --cached"
FIX_SCRIPT = (
    "cat > fix.py <<'EOF'\n"
    "text = open('shop.py').read()\n"
    "open('shop.py', 'w').write(text.replace('[1:]', ''))\n"
    "EOF"
)


def command(text: str, exit_code: int = 0, output: str = "") -> dict[str, Any]:
    return {"command": text, "rc": exit_code, "seen": output}


#: As a model works: it looks, tries a program that is not there, edits by a script, and cleans up.
STEPS = [
    command("ls /testbed/tests"),
    command("true", 127, "bash: true: command not found"),
    command("python -m unittest discover -s tests"),
    command("python -c 'print(undefined)'", 0),
    command(FIX_SCRIPT),
    command("python fix.py && rm fix.py"),
    command("grep '1:' shop.py", 1),
    {"refused": True, "blocks": 2, "said": "two blocks"},
    {"command": HAND_IN, "rc": None, "submitted": True},
]
OTHER_EFFECT = [command("sed -i s/a/b/ shop.py", 1), command(FIX_SCRIPT), STEPS[-1]]


def instance(repository: Path, number: int) -> dict[str, Any]:
    return {
        "instance_id": f"octo__shop-{number}",
        "repo": "octo/shop",
        "base_commit": git(repository, "rev-parse", "HEAD"),
        "problem_statement": "total is too low\n\nSee shop.py",
        "patch": make_patch(repository, "shop.py", FIX),
        "test_patch": make_patch(repository, "tests/test_shop.py", TESTS + ONE),
        "FAIL_TO_PASS": ["tests/test_shop.py::Totals::test_one"],
        "PASS_TO_PASS": ["tests/test_shop.py::Totals::test_nothing"],
    }


def recorded_run(repository: Path, number: int, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """The recorded machine's image had changed a file that no command names."""
    of_image = make_patch(repository, "broken.py", "something = None\n")
    return {
        "instance_id": f"octo__shop-{number}",
        "resolved": True,
        "submission": of_image + make_patch(repository, "shop.py", FIX),
        "steps": steps,
    }


def write_lines(file: Path, lines: list[dict[str, Any]]) -> None:
    text = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    file.write_bytes(gzip.compress(text) if file.suffix == ".gz" else text)


Replay = Callable[[], dict[str, Any]]


@pytest.fixture
def replay(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replay:
    """Run the benchmark and return its JSON document."""
    write_lines(tmp_path / "instances.jsonl", [instance(repository, 1), instance(repository, 2)])
    runs = [recorded_run(repository, 1, STEPS), recorded_run(repository, 2, OTHER_EFFECT)]
    write_lines(tmp_path / "runs.jsonl.gz", runs)
    out = tmp_path / "out.json"
    arguments = {
        "--trajectories": "runs.jsonl.gz",
        "--instances": "instances.jsonl",
        "--repos": "repos",
        "--work": "work",
        "--json": out.name,
    }
    argv = ["trajectories"]
    for option, name in arguments.items():
        argv += [option, str(tmp_path / name)]

    def run() -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", argv)
        main()
        document: dict[str, Any] = json.loads(out.read_text())
        return document

    return run


@pytest.mark.slow
def test_recorded_commands_work_as_recorded_and_differences_are_named(
    replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    document = replay()
    whole, cut = document["rows"]
    assert (whole["resolves_here"], whole["still_resolved"]) == (True, True), whole["reason"]
    assert (whole["same_patch"], whole["image_files"]) == (True, ["broken.py"])
    assert (whole["commands"], whole["not_issued"]) == (6, 1)
    (difference,) = whole["disagreements"]
    assert (difference["number"], difference["kind"]) == (4, "script")
    assert (difference["recorded_exit_code"], difference["exit_code"]) == (0, 1)
    assert "undefined" in difference["output"]
    assert (whole["cut_by_limits"], whole["cut_by_effect"]) == (None, None)

    assert "command 1 (write): ended with 1 there and with 0 here" in cut["cut_by_effect"]
    assert (cut["resolves_here"], cut["still_resolved"]) == (True, False)
    assert (cut["commands"], cut["verdict"]) == (1, None)

    summary = document["summary"]
    assert (summary["recorded_resolved"], summary["judged"]) == (2, 2)
    assert summary["share_still_resolved"] == 0.5
    assert summary["share_still_resolved_low"] < 0.5 < summary["share_still_resolved_high"]
    assert summary["exit_agreement_script"] == 0.5
    assert (summary["cut_by_limits"], summary["cut_by_effect"]) == (0, 1)
    assert summary["verdict_not_verified"] + summary["verdict_suite_passes"] == 1

    assert "[2/2]" in capsys.readouterr().err
    assert replay()["rows"] == document["rows"]
    assert "[" not in capsys.readouterr().err


async def test_a_crash_is_a_row_and_does_not_end_the_measurement(
    repository: Path, tmp_path: Path
) -> None:
    cases: list[Case] = []
    for number in (1, 2):
        run = Recording.read(recorded_run(repository, number, STEPS))
        cases.append(Case(Instance.read(instance(repository, number)), run))
    rows = RowFile(tmp_path / "rows.jsonl")
    await Replayer(tmp_path / "nowhere", tmp_path, tmp_path, rows).run(cases, 1)
    assert [row.outcome for row in rows.read().values()] == ["crashed", "crashed"]
    totals = summary(list(rows.read().values()))
    assert (totals["instances"], totals["not_replayed"], totals["cut_by_limits"]) == (2, 2, 0)
    assert all(row.broken for row in rows.read().values())


def test_a_sample_has_every_repository_and_what_can_be_judged_first(repository: Path) -> None:
    cases: list[Case] = []
    for number in range(8):
        fields = instance(repository, number)
        fields["repo"] = "octo/rare" if number == 7 else "octo/shop"
        fields["FAIL_TO_PASS"] = fields["FAIL_TO_PASS"] if number == 3 else []
        run = recorded_run(repository, number, [])
        cases.append(Case(Instance.read(fields), Recording.read(run)))
    sample = sample_cases(cases, 2, seed=1)
    assert {case.instance.repo for case in sample} == {"octo/shop", "octo/rare"}
    assert "octo__shop-3" in [case.instance.instance_id for case in sample]
    assert sample == sample_cases(cases, 2, seed=1)
