"""What simpler methods make of the same replies.

Search and replace are read by our readers and located naively; diffs go to the tools that are made
for them.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from benchmarks.edit_cases import Case
from repository.config import EditRules
from repository.edits.apply import AppliedEdits, apply_edits
from repository.edits.editable_files import EditableFiles
from repository.edits.locate import RUNGS
from repository.edits.model import Edit, EditFailed, Replace, SearchReplace
from repository.edits.policy import EditPolicy
from repository.edits.readers import read_reply, require_edits
from stages.propose_patch.base_code import syntax_checker

Files = Mapping[str, str | None]

POLICY = EditPolicy(EditRules())
SYNTAX = syntax_checker(lambda: EditableFiles((), lambda _: b""), ())
_DIFF = re.compile(
    r"<patch>\n(.*?)</patch>|```(?:diff|patch)\n(.*?)```|^((?:diff --git|--- ).*)", re.S | re.M
)
_STRICT_RUNGS = ("exact", "line ends")


@contextmanager
def only_rungs(names: Collection[str]) -> Iterator[None]:
    """Take all other rungs off the ladder, to measure what each is for."""
    rungs = {name: RUNGS[name] for name in names}
    with mock.patch.dict(RUNGS, rungs, clear=True):
        yield


def apply_to_case(case: Case) -> AppliedEdits:
    """Apply a case's reply as the product does, but for its checks of the result.

    Raises:
        EditFailed: the reply is refused.
    """
    edits = require_edits(read_reply(case.reply, case.before))
    return apply_edits(edits, case.before.get, case.before, POLICY.refusal)


def exact(case: Case) -> Files:
    """Whole lines that occur exactly once, whitespace at their ends ignored."""
    with only_rungs(_STRICT_RUNGS):
        return apply_to_case(case).after


def indent(case: Case) -> Files:
    """Leading whitespace ignored too, the replacement moved by the first line's difference."""
    texts: dict[str, str | None] = dict(case.before)
    for edit in require_edits(read_reply(case.reply, case.before)):
        change = edit.change
        if isinstance(change, Replace) and any(change.variants[0].search):
            text = texts.get(edit.path) or ""
            texts[edit.path] = _replace_naively(text, change.variants[0])
        else:
            texts.update(_apply_one(edit, texts))
    return _changed(case, texts)


def git_apply(case: Case) -> Files:
    """The reply's diff by ``git apply``."""
    return _apply_with(case, ["git", "apply", "--whitespace=nowarn", "-"])


def patch_fuzz(case: Case) -> Files:
    """The reply's diff by ``patch``, with the most fuzz."""
    options = ["-p1", "--fuzz=3", "--batch", "--silent", "--no-backup-if-mismatch"]
    return _apply_with(case, ["patch", *options])


FLOORS: dict[str, Callable[[Case], Files]] = {
    "exact": exact,
    "indent": indent,
    "git apply": git_apply,
    "patch --fuzz=3": patch_fuzz,
}
"""Methods by name."""
_FOR_BLOCKS = ("exact", "indent")
"""The others are for diffs; no method gets a reply of the other kind."""


def apply_floor(name: str, case: Case) -> Files | None:
    """Return what a method writes, nothing where it refuses; None for a reply of another kind."""
    is_diff = read_reply(case.reply, case.before).format == "unified diff"
    if is_diff == (name in _FOR_BLOCKS):
        return None
    try:
        return FLOORS[name](case)
    except EditFailed:
        return {}


def _apply_one(edit: Edit, texts: Files) -> Files:
    return apply_edits([edit], texts.get, (), POLICY.refusal).after


def _replace_naively(text: str, block: SearchReplace) -> str:
    lines = text.split("\n")
    bare = [line.strip() for line in lines]
    search = [line.strip() for line in block.search]
    size = len(search)
    starts: list[int] = []
    for at in range(len(bare)):
        if bare[at : at + size] == search:
            starts.append(at)
    if len(starts) != 1:
        raise EditFailed("no single place")
    start = starts[0]
    end = start + size
    for line, searched in zip(lines[start:end], block.search, strict=True):
        if searched.strip():
            shift = _indentation(line) - _indentation(searched)
            break
    else:
        raise EditFailed("nothing but blank lines")
    lines[start:end] = [_shift_line(line, shift) for line in block.replacement]
    return "\n".join(lines)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _shift_line(line: str, by: int) -> str:
    if not line.strip():
        return line
    if by >= 0:
        return " " * by + line
    return line[min(-by, _indentation(line)) :]


def _apply_with(case: Case, command: list[str]) -> Files:
    match = _DIFF.search(case.reply)
    if match is None:
        return {}
    diffs = [group for group in match.groups() if group is not None]
    diff = diffs[0].rstrip("\n") + "\n"
    with tempfile.TemporaryDirectory(prefix="floor-") as folder:
        root = Path(folder)
        _write_folder(root, case.before)
        completed = subprocess.run(
            command,
            cwd=root,
            input=diff.encode(errors="replace"),
            capture_output=True,
            check=False,
        )
        if completed.returncode:
            return {}
        after = _read_folder(root)
    removed = dict.fromkeys(case.before.keys() - after.keys())
    return _changed(case, {**after, **removed})


def _changed(case: Case, texts: Files) -> Files:
    """Return the texts that differ from those before."""
    changed: dict[str, str | None] = {}
    for path, text in texts.items():
        if text != case.before.get(path):
            changed[path] = text
    return changed


def _write_folder(root: Path, texts: Mapping[str, str]) -> None:
    for path, text in texts.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", errors="surrogatepass"))


def _read_folder(root: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for file in root.rglob("*"):
        if file.is_file() and file.suffix not in (".orig", ".rej"):
            path = str(file.relative_to(root))
            texts[path] = file.read_bytes().decode(errors="surrogateescape")
    return texts
