"""Replies of models with the files before and, where known, after: one JSON object a line, gzip."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class NoContent(Exception):
    """A case refers to a content that is nowhere; the text says what to give."""


@dataclass(frozen=True)
class Case:
    id: str
    source: str
    outcome: str
    """What is expected: apply, reject or unknown."""
    reply: str
    before: dict[str, str]
    after: dict[str, str] | None


def read_cases(file: Path, repos: Path | None) -> Iterator[Case]:
    """The cases of a file. A content is a string, or a blob of ``files.jsonl.gz`` beside the file (else of a repository
    in ``repos``, named owner__name) with lines replaced.

    Raises:
        NoContent: neither has it.
    """
    contents = _Contents(file.parent, repos)
    for row in _rows(file):
        before = {path: contents.text(ref, row, path) for path, ref in row["files"].items()}
        after = row.get("expected") and {
            p: contents.text(ref, row, p) for p, ref in row["expected"].items()
        }
        source = row.get("source") or file.name.partition(".")[0]
        yield Case(
            row["id"], source, row.get("expected_outcome", "unknown"), row["reply"], before, after
        )


class _Contents:
    def __init__(self, folder: Path, repos: Path | None):
        self._repos = repos
        kept = folder / "files.jsonl.gz"
        self._blobs: dict[str, str] = (
            {row["blob"]: row["text"] for row in _rows(kept)} if kept.exists() else {}
        )
        table = folder / "blobs.tsv"
        listed = table.read_text(encoding="utf-8").splitlines() if table.exists() else []
        self._places = {key: place for key, *place in (line.split("\t") for line in listed)}

    def text(self, ref: Any, row: dict[str, Any], path: str) -> str:
        if isinstance(ref, str):
            return ref
        key = ref["blob"]
        if key not in self._blobs:
            self._blobs[key] = self._from_git(
                key, *self._places.get(key, (row["repo"], row["base_commit"], path))
            )
        lines = self._blobs[key].split("\n")
        for start, end, new in reversed(ref.get("edits", [])):
            lines[start:end] = new
        return "\n".join(lines)

    def _from_git(self, key: str, repository: str, commit: str, path: str) -> str:
        if self._repos is None:
            raise NoContent(
                f"content {key} is not in files.jsonl.gz beside the cases: make that file, or give"
                " --repos"
            )
        folder = self._repos / repository.replace("/", "__")
        done = subprocess.run(
            ["git", "-C", str(folder), "cat-file", "blob", f"{commit}:{path}"],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise NoContent(
                f"{folder} has no {commit}:{path}: {done.stderr.decode(errors='replace').strip()}"
            )
        try:
            return done.stdout.decode("utf-8")
        except UnicodeDecodeError:
            return done.stdout.decode("latin-1")


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8", errors="surrogatepass", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)
