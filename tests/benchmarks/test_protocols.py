"""The benchmark of tool calls: what counts as understood, refused and misread."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks import protocols
from benchmarks.call_forms import FORMS
from benchmarks.protocols import command_groups, judge, main
from benchmarks.recordings import RecordedCommand, Recording


def test_each_form_is_judged_by_the_commands_that_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert judge("fenced", ["ls", "pwd"]) == "understood"
    assert judge("fenced_by_three", ["echo '\n```\n'"]) == "refused"
    monkeypatch.setitem(FORMS, "tags", lambda commands: FORMS["fenced"](["rm a"]))
    assert judge("tags", ["ls"]) == "misread"


def test_commands_are_written_alone_and_with_the_next_one() -> None:
    commands = tuple(RecordedCommand(number, text, 0, "") for number, text in enumerate("abc"))
    recording = Recording("x", resolved=True, commands=commands, submission="")

    assert command_groups(recording) == [("a",), ("b",), ("c",), ("a", "b"), ("b", "c")]


def test_report_has_shares_of_each_form(tmp_path: Path) -> None:
    steps = [{"command": "ls", "rc": 0}, {"command": "cat > a <<'EOF'\n```\nEOF", "rc": 0}]
    run = {"instance_id": "x", "resolved": True, "submission": "", "steps": steps}
    file = tmp_path / "runs.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(run).encode()))

    assert main(["--trajectories", str(file), "--json", str(tmp_path / "out.json")]) == 0

    summary = json.loads((tmp_path / "out.json").read_text())["summary"]
    assert summary["misread"] == 0
    assert summary["share_understood"] == 1
    assert summary["replies"] == 3 * len(protocols.FORMS)
