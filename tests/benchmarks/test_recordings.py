"""Recorded runs as they are read."""

import gzip
import json
from pathlib import Path
from typing import Any

from benchmarks.recordings import RecordedCommand, Recording, read_recordings

CHANGE = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n"
BINARY = "diff --git a/b.fits b/b.fits\nnew file\nBinary files /dev/null and b/b.fits differ\n"
HAND_IN = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git add -A && git diff --cached"
TREE = Path("/run/tree")
ENVIRONMENT = Path("/run/env")


def recording(*steps: dict[str, Any]) -> Recording:
    fields = {"instance_id": "a", "resolved": True, "submission": CHANGE, "steps": list(steps)}
    return Recording.read(fields)


def hand_in(command: str = HAND_IN) -> dict[str, Any]:
    return {"command": command, "rc": None, "submitted": True}


def test_refused_replies_and_the_submission_are_not_commands() -> None:
    command = {"command": "ls", "rc": 0, "seen": "a.py\n"}
    refused = {"refused": True, "blocks": 2, "said": "two blocks"}
    run = recording(refused, command, hand_in())
    assert run.commands == (RecordedCommand(1, "ls", 0, "a.py\n"),)


def test_what_runs_before_a_submission_is_a_command() -> None:
    run = recording(hand_in(f"rm fix.py\n{HAND_IN}"), hand_in(f"rm fix.py && {HAND_IN}"))
    assert [command.text for command in run.commands] == ["rm fix.py", "rm fix.py"]


def test_folders_of_the_recorded_machine_are_replaced() -> None:
    text = "/testbed/run.sh /opt/miniconda3/envs/testbed/bin/python /tmp/testbed /testbed2"
    command = RecordedCommand(1, text, 0, "")
    expected = "/run/tree/run.sh /run/env/bin/python /tmp/testbed /testbed2"
    assert command.relocated(TREE, ENVIRONMENT) == expected


def test_binary_files_are_left_out_of_a_submission(tmp_path: Path) -> None:
    fields = {"instance_id": "a", "resolved": False, "submission": CHANGE + BINARY, "steps": []}
    file = tmp_path / "runs.jsonl.gz"
    file.write_bytes(gzip.compress(f"{json.dumps(fields)}\n".encode()))
    run = read_recordings(file)["a"]
    assert run.submission == CHANGE
