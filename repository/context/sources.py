"""Read the text files of a commit from git objects, never from a work tree."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from repository.files import Kind, kind_of
from repository.git import Entry, Mirror

MAX_FILE_BYTES = 400_000
MAX_TOTAL_BYTES = 256_000_000
MAX_PATH = 250
"""Characters; longer paths are not read."""
_BATCH = 500
_MINIFIED_LINE = 400
"""Average characters per line above which a file is taken for minified."""


@dataclass(frozen=True)
class SourceFile:
    path: str
    kind: Kind
    text: str


@dataclass(frozen=True)
class _Candidate:
    kind: Kind
    entry: Entry


def read_sources(
    mirror: Mirror, entries: Collection[Entry], named: Collection[str] = ()
) -> Iterator[SourceFile]:
    """Yield the text files worth ranking: UTF-8, not too large, no links or submodules.

    Files of an unknown kind are left out unless their path is in ``named``. If the repository is
    larger than ``MAX_TOTAL_BYTES``, code comes first and the rest is left out.
    """
    candidates = _choose(entries, named)
    left = MAX_TOTAL_BYTES
    for start in range(0, len(candidates), _BATCH):
        batch = candidates[start : start + _BATCH]
        sizes = [candidate.entry.size for candidate in batch]
        left -= sum(sizes)
        if left < 0:
            return
        yield from _read(mirror, batch)


def _choose(entries: Collection[Entry], named: Collection[str]) -> list[_Candidate]:
    candidates: list[_Candidate] = []
    for entry in entries:
        kind = kind_of(entry.path)
        if kind is None and entry.path in named:
            kind = Kind.OTHER
        if kind is not None and _is_readable(entry):
            candidates.append(_Candidate(kind, entry))
    order = list(Kind)
    return sorted(candidates, key=lambda one: (order.index(one.kind), one.entry.path))


def _is_readable(entry: Entry) -> bool:
    return (
        entry.is_regular
        and 0 < entry.size <= MAX_FILE_BYTES
        and entry.path.isprintable()
        and len(entry.path) <= MAX_PATH
    )


def _read(mirror: Mirror, batch: Sequence[_Candidate]) -> Iterator[SourceFile]:
    hashes = [candidate.entry.sha for candidate in batch]
    contents = mirror.read_many(hashes)
    for candidate, data in zip(batch, contents, strict=True):
        text = _decode(data)
        if text is not None:
            yield SourceFile(candidate.entry.path, candidate.kind, text)


def _decode(data: bytes) -> str | None:
    """Return a file's text, or None if it is binary or minified."""
    if b"\0" in data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    line_count = text.count("\n") + 1
    if len(text) > _MINIFIED_LINE * line_count:
        return None
    return text
