"""Which files of a commit are read, what kind each is, and their texts: from git objects, never
from a work tree.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from repository.files import Kind, kind_of
from repository.git import Entry, Mirror

MAX_FILE_BYTES = 400_000
MAX_TOTAL_BYTES = 256_000_000
_BATCH = 500
_MINIFIED_LINE = 400
"""Characters a line, on average: nobody writes so, and nobody edits it."""


@dataclass(frozen=True)
class SourceFile:
    path: str
    kind: Kind
    text: str


def read_sources(
    mirror: Mirror, entries: Collection[Entry], named: Collection[str] = ()
) -> Iterator[SourceFile]:
    """The text files worth ranking, and those whose path is in ``named``: UTF-8, not huge, no link, no submodule.

    Where the repository is larger than MAX_TOTAL_BYTES, code comes first.
    """
    chosen: list[tuple[Kind, Entry]] = []
    for entry in entries:
        kind = kind_of(entry.path) or (Kind.OTHER if entry.path in named else None)
        regular = entry.mode in ("100644", "100755") and 0 < entry.size <= MAX_FILE_BYTES
        if kind is not None and regular and entry.path.isprintable() and len(entry.path) <= 250:
            chosen.append((kind, entry))
    order = list(Kind)
    chosen.sort(key=lambda item: (order.index(item[0]), item[1].path))
    left = MAX_TOTAL_BYTES
    for start in range(0, len(chosen), _BATCH):
        batch = chosen[start : start + _BATCH]
        left -= sum(entry.size for _, entry in batch)
        if left < 0:
            return
        for (kind, entry), data in zip(
            batch, mirror.read_many([entry.sha for _, entry in batch]), strict=True
        ):
            if (text := _text(data)) is not None:
                yield SourceFile(entry.path, kind, text)


def _text(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if len(text) > _MINIFIED_LINE * (text.count("\n") + 1) else text
