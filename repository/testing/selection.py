"""Which test files are about the issue: by the files it probably concerns, and by what it names."""

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

#: A suite up to this size runs whole.
WHOLE_FILES = 12
WHOLE_BYTES = 400_000
CHOSEN_FILES = 8
_RANKED = 10


def choose_tests(
    test_files: Sequence[str],
    texts: Mapping[str, str],
    sizes: Mapping[str, int],
    *,
    ranking: Sequence[str],
    issue: str,
    fill: bool = True,
) -> tuple[tuple[str, ...], bool]:
    """Test files, likeliest first, and whether that leaves nothing out (then none is listed).

    ``ranking``: source paths, likeliest first; ``issue``: its text; ``fill``: take some where none is likely.
    """
    if (
        len(test_files) <= WHOLE_FILES
        and sum(sizes.get(path, 0) for path in test_files) <= WHOLE_BYTES
    ):
        return (), True
    sources = [path for path in ranking if path not in set(test_files)][:_RANKED]
    words = set(re.findall(r"[\w./-]+", issue))
    scores: dict[str, float] = {}
    for path in test_files:
        text = texts.get(path, "")
        score = 4.0 * (path in words) + 2.0 * (PurePosixPath(path).name in words)
        score += 2.0 * any(name in words for name in re.findall(r"def (test_\w+)", text))
        for rank, source in enumerate(sources):
            score += (_named_alike(path, source) + _imports(text, source)) / (1 + rank / 2)
        scores[path] = score
    ordered = sorted(test_files, key=lambda path: (-scores[path], path))
    likely = [path for path in ordered if scores[path] > 0][:CHOSEN_FILES]
    return tuple(likely or (ordered[:CHOSEN_FILES] if fill else ())), False


def _named_alike(test: str, source: str) -> float:
    """3 for test_x.py of x.py, less where only part of the names, or the folder's, agree."""
    stem = PurePosixPath(source).stem
    base = PurePosixPath(source).parent.name if stem == "__init__" else stem.strip("_")
    name = re.sub(r"^test_|^Test|_test$|Tests?$|\.(?:test|spec)$", "", PurePosixPath(test).stem)
    if base and name == base:
        return 3.0
    if len(base) > 3 and len(name) > 3 and (base in name or name in base):
        return 1.5
    return 0.5 if PurePosixPath(source).parent.name in PurePosixPath(test).parts[:-1] else 0.0


def _imports(text: str, source: str) -> float:
    parts = list(PurePosixPath(source).with_suffix("").parts)
    parts = parts[1:] if parts[0] in ("src", "lib") and len(parts) > 1 else parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    if not parts:
        return 0.0
    module = re.escape(".".join(parts))
    if re.search(rf"^[ \t]*(?:from {module} import|import {module}\b)", text, re.M):
        return 2.0
    above = re.escape(".".join(parts[:-1]))
    return (
        1.5
        if above
        and re.search(rf"^[ \t]*from {above} import .*\b{re.escape(parts[-1])}\b", text, re.M)
        else 0.0
    )
