"""Read the text files of a commit from git objects, never from a work tree."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from repository.context.named_files import why_not_readable, why_not_text
from repository.files import Kind, kind_of
from repository.git import Entry, Mirror
from repository.text_encoding import read_text

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
    """Yield the text files worth ranking: not too large, no links, submodules or secrets.

    Files of an unknown kind, large and minified ones are left out unless their path is in
    ``named``. If the repository is larger than ``MAX_TOTAL_BYTES``, code comes first and the rest
    is left out.
    """
    candidates = _choose(entries, named)
    left = MAX_TOTAL_BYTES
    for start in range(0, len(candidates), _BATCH):
        batch = candidates[start : start + _BATCH]
        sizes = [candidate.entry.size for candidate in batch]
        left -= sum(sizes)
        if left < 0:
            return
        yield from _read(mirror, batch, named)


def _choose(entries: Collection[Entry], named: Collection[str]) -> list[_Candidate]:
    candidates: list[_Candidate] = []
    for entry in entries:
        kind = kind_of(entry.path)
        if kind is None and entry.path in named:
            kind = Kind.OTHER
        if kind is not None and _is_readable(entry, entry.path in named):
            candidates.append(_Candidate(kind, entry))
    order = list(Kind)
    return sorted(candidates, key=lambda one: (order.index(one.kind), one.entry.path))


def _is_readable(entry: Entry, is_named: bool) -> bool:
    return (
        why_not_readable(entry) is None
        and (is_named or entry.size <= MAX_FILE_BYTES)
        and entry.path.isprintable()
        and len(entry.path) <= MAX_PATH
    )


def _read(
    mirror: Mirror, batch: Sequence[_Candidate], named: Collection[str]
) -> Iterator[SourceFile]:
    hashes = [candidate.entry.sha for candidate in batch]
    contents = mirror.read_many(hashes)
    for candidate, data in zip(batch, contents, strict=True):
        path = candidate.entry.path
        if why_not_text(data) is not None:
            continue
        text = read_text(data)
        if path in named or not _is_minified(text):
            yield SourceFile(path, candidate.kind, text)


def _is_minified(text: str) -> bool:
    line_count = text.count("\n") + 1
    return len(text) > _MINIFIED_LINE * line_count
