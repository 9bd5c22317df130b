"""The benchmark of edits, on cases small enough to know by heart."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import edits
from benchmarks.edit_cases import MissingContent, read_cases
from tests.stages.workbench import Origin

BEFORE = "def f():\n    a = 1\n    return a\n"


def block(search: str, replace: str) -> str:
    return f"m.py\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def case(
    name: str, outcome: str, reply: str, after: str | None = None, before: Any = BEFORE
) -> dict[str, Any]:
    return {
        "id": name,
        "source": "s",
        "repo": "octo/calc",
        "base_commit": "",
        "reply": reply,
        "files": {"m.py": before},
        "expected": {"m.py": after} if after else None,
        "expected_outcome": outcome,
    }


def stored(folder: Path, *cases: dict[str, Any]) -> Path:
    file = folder / "cases.jsonl.gz"
    with gzip.open(file, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in cases)
    return file


def test_each_verdict_is_counted_and_each_result_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = BEFORE.replace("a = 1", "a = 2")
    file = stored(
        tmp_path,
        case("right", "apply", block("a = 1", "a = 2"), good),
        case("wrong", "apply", block("    a = 1", "    a = 3"), good),
        case("refused", "apply", block("    b = 1", "    b = 3"), good),
        case("kept out", "reject", block("    b = 1", "    b = 3")),
        case("false", "reject", block("    a = 1", "    a = (")),
        case("written", "unknown", block("    a = 1", "    a = 3")),
    )
    arguments = [
        "--cases",
        str(file),
        "--results",
        str(tmp_path / "r"),
        "--json",
        str(tmp_path / "o"),
    ]
    monkeypatch.setattr(sys, "argv", ["edits", *arguments])
    edits.main()
    written = json.loads((tmp_path / "o").read_text())
    summary = {
        name: written["summary"][name]
        for name in ("cases", "apply", "correct", "wrong", "refused", "reject")
    }
    assert summary == {"cases": 6, "apply": 3, "correct": 1, "wrong": 2, "refused": 1, "reject": 2}
    more = {
        name: written["summary"][name]
        for name in ("kept_out", "unknown_written", "sent_back", "exact: correct")
    }
    assert more == {"kept_out": 1, "unknown_written": 1, "sent_back": 1, "exact: correct": 0}
    assert {"rung": "indentation", "correct": 1} in written["rows"]
    results = [json.loads(line) for line in (tmp_path / "r").read_text().splitlines()]
    assert results[0] == {"id": "right", "status": "applied", "files": {"m.py": good}, "reason": ""}
    assert (results[2]["status"], results[2]["files"]) == ("rejected", {}) and results[2]["reason"]


def test_contents_come_from_the_file_or_the_repository(
    tmp_path: Path,
) -> None:
    origin = Origin(tmp_path, {"m.py": BEFORE})
    row = case("a", "unknown", "", before={"blob": "k", "edits": [[1, 2, ["    a = 7"]]]}) | {
        "base_commit": origin.sha
    }
    file = stored(tmp_path, row)
    repos = tmp_path / "repos"
    repos.mkdir()
    (repos / "octo__calc").symlink_to(tmp_path / "origin")
    (loaded,) = read_cases(file, repos)
    assert loaded.before == {"m.py": BEFORE.replace("a = 1", "a = 7")}
    with pytest.raises(MissingContent, match="--repos"):
        list(read_cases(file, None))
    with gzip.open(tmp_path / "files.jsonl.gz", "wt", encoding="utf-8") as out:
        out.write(json.dumps({"blob": "k", "text": BEFORE}) + "\n")
    assert list(read_cases(file, None)) == [loaded]
