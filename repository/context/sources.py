"""Which files of a commit are read, what kind each is, and their texts: from git objects, never
from a work tree.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from repository.git import Entry, Mirror

MAX_FILE_BYTES = 400_000
MAX_TOTAL_BYTES = 256_000_000
_BATCH = 500
_MINIFIED_LINE = 400
"""Characters a line, on average: nobody writes so, and nobody edits it."""

_CODE = re.compile(
    r"pyi?|py[xd]|[mc]?jsx?|tsx?|vue|svelte|go|rs|java|kts?|scala|groovy|cljs?|[cf]s|vb|cc?|c(?:pp|xx)|h|h(?:pp|h)|mm?|swift|"
    r"rb|erb|php|p[lm]|lua|r|jl|exs?|[eh]rl|hs|mli?|elm|dart|zig|nim|sh|bash|zsh|ps1|sql|proto|graphql|tf"
)
_OTHER = re.compile(r"toml|cfg|ini|ya?ml|html?|jinja2?|j2|tmpl|s?css|less|xml|gradle|cmake|mk")
_DOCS = re.compile(r"md|rst|txt|adoc")
_OTHER_NAMES = frozenset(
    {"dockerfile", "makefile", "rakefile", "gemfile", "justfile", "package.json", "tsconfig.json"}
)
_VENDORED = frozenset(
    {
        "node_modules",
        "vendor",
        "_vendor",
        "vendored",
        "third_party",
        "site-packages",
        "dist",
        ".venv",
    }
)
_TEST_FOLDERS = frozenset({"tests", "__tests__", "spec", "specs", "testdata"})
_TEST_NAME = re.compile(
    r"^(?:tests?[_.-].*|.*[_.-](?:tests?|spec)|conftest|tests|.*[a-z]Tests?)\.\w+$"
)


class Kind(StrEnum):
    SOURCE = "source"
    TEST = "test"
    OTHER = "other"
    """Configuration, templates, styles."""
    DOCS = "docs"


@dataclass(frozen=True)
class SourceFile:
    path: str
    kind: Kind
    text: str


def kind_of(path: str) -> Kind | None:
    """None: nothing that is read unless the issue names it, or vendored."""
    *folders, name = path.split("/")
    stem, _, extension = name.lower().rpartition(".")
    if any(folder.lower() in _VENDORED for folder in folders) or stem.endswith(".min"):
        return None
    if _CODE.fullmatch(extension):
        return Kind.TEST if _is_test(folders, name) else Kind.SOURCE
    if _DOCS.fullmatch(extension):
        return Kind.DOCS
    return Kind.OTHER if _OTHER.fullmatch(extension) or name.lower() in _OTHER_NAMES else None


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


def _is_test(folders: list[str], name: str) -> bool:
    """A folder ``test`` or ``testing`` holds tests at the top or under ``src``; deeper it may be a
    library's own.
    """
    lowered = [folder.lower() for folder in folders]
    if any(folder in _TEST_FOLDERS for folder in lowered) or _TEST_NAME.match(name):
        return True
    return any(
        folder in ("test", "testing") and lowered[:at] in ([], ["src"])
        for at, folder in enumerate(lowered)
    )


def _text(data: bytes) -> str | None:
    if b"\0" in data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if len(text) > _MINIFIED_LINE * (text.count("\n") + 1) else text
