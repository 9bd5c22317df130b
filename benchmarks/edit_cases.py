"""Replies of models with the files before and, where known, after: one JSON object a line, gzip."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class MissingContent(Exception):
    """A case refers to a content that is not available; the text says what to provide."""


@dataclass(frozen=True)
class Case:
    """One reply, and what is expected of it."""

    id: str
    source: str
    outcome: str
    """What is expected: apply, reject or unknown."""
    reply: str
    before: dict[str, str]
    after: dict[str, str] | None


def read_cases(file: Path, repos: Path | None) -> Iterator[Case]:
    """Read the cases of a file.

    A content is a string, or a blob with lines replaced. Blobs are in ``files.jsonl.gz`` beside the
    file, else in a git repository in ``repos``, named ``owner__name``.

    Raises:
        MissingContent: a blob is in neither.
    """
    contents = _Contents(file.parent, repos)
    for row in _rows(file):
        before = contents.texts(row, "files")
        after = contents.texts(row, "expected")
        yield Case(
            id=row["id"],
            source=row.get("source") or file.name.partition(".")[0],
            outcome=row.get("expected_outcome", "unknown"),
            reply=row["reply"],
            before=before,
            after=after or None,
        )


class _Contents:
    """The contents that cases refer to."""

    def __init__(self, folder: Path, repos: Path | None):
        self._repos = repos
        self._blobs: dict[str, str] = {}
        blobs = folder / "files.jsonl.gz"
        if blobs.exists():
            self._blobs = {row["blob"]: row["text"] for row in _rows(blobs)}
        self._places: dict[str, tuple[str, str, str]] = {}
        table = folder / "blobs.tsv"
        if table.exists():
            for line in table.read_text(encoding="utf-8").splitlines():
                key, repository, commit, path = line.split("\t")
                self._places[key] = (repository, commit, path)

    def texts(self, row: dict[str, Any], field: str) -> dict[str, str]:
        """Return the contents in a field of a case, by path."""
        texts: dict[str, str] = {}
        for path, ref in (row.get(field) or {}).items():
            texts[path] = self._text(ref, row, path)
        return texts

    def _text(self, ref: Any, row: dict[str, Any], path: str) -> str:
        """Return the content that a reference stands for."""
        if isinstance(ref, str):
            return ref
        key = ref["blob"]
        if key not in self._blobs:
            place = self._places.get(key, (row["repo"], row["base_commit"], path))
            self._blobs[key] = self._read_from_git(key, *place)
        lines = self._blobs[key].split("\n")
        for start, end, new in reversed(ref.get("edits", [])):
            lines[start:end] = new
        return "\n".join(lines)

    def _read_from_git(self, key: str, repository: str, commit: str, path: str) -> str:
        if self._repos is None:
            raise MissingContent(
                f"content {key} is not in files.jsonl.gz beside the cases: make that file, or pass"
                " --repos"
            )
        folder = self._repos / repository.replace("/", "__")
        completed = subprocess.run(
            ["git", "-C", str(folder), "cat-file", "blob", f"{commit}:{path}"],
            capture_output=True,
            check=False,
        )
        if completed.returncode:
            reason = completed.stderr.decode(errors="replace").strip()
            raise MissingContent(f"{folder} has no {commit}:{path}: {reason}")
        try:
            return completed.stdout.decode("utf-8")
        except UnicodeDecodeError:
            return completed.stdout.decode("latin-1")


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8", errors="surrogatepass", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)
