"""What simpler ways would make of the same replies. Search and replace are read by our readers and
placed naively; diffs go to the tools that are made for them."""

import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.edit_cases import Case
from repository.edits.apply import apply_edits
from repository.edits.locate import RUNGS
from repository.edits.model import EditFailed, Replace
from repository.edits.readers import edits_of, read_reply

_DIFF = re.compile(
    r"<patch>\n(.*?)</patch>|```(?:diff|patch)\n(.*?)```|^((?:diff --git|--- ).*)", re.S | re.M
)


def exact(case: Case) -> Mapping[str, str | None]:
    """Whole lines that occur exactly once, whitespace at their ends ignored."""
    edits = edits_of(read_reply(case.reply))
    return apply_edits(case.before.get, edits, without=set(RUNGS) - {"exact", "line ends"}).files


def indent(case: Case) -> Mapping[str, str | None]:
    """Leading whitespace ignored too, the replacement moved by the first line's difference."""
    texts: dict[str, str | None] = dict(case.before)
    for edit in edits_of(read_reply(case.reply)):
        if not isinstance(edit.change, Replace) or not any(edit.change.readings[0][0]):
            texts |= apply_edits(texts.get, [edit]).files
            continue
        search, replace = edit.change.readings[0]
        lines = (texts.get(edit.path) or "").split("\n")
        bare = [line.strip() for line in lines]
        wanted = [line.strip() for line in search]
        places = [at for at in range(len(bare)) if bare[at : at + len(wanted)] == wanted]
        if len(places) != 1:
            raise EditFailed("no single place")
        first = next(n for n, line in enumerate(search) if line.strip())
        have, had = (
            len(line) - len(line.lstrip()) for line in (lines[places[0] + first], search[first])
        )
        lines[places[0] : places[0] + len(search)] = [_moved(line, have - had) for line in replace]
        texts[edit.path] = "\n".join(lines)
    return {path: text for path, text in texts.items() if text != case.before.get(path)}


def git_apply(case: Case) -> Mapping[str, str | None]:
    return _by_tool(case, ["git", "apply", "--whitespace=nowarn", "-"])


def patch_fuzz(case: Case) -> Mapping[str, str | None]:
    return _by_tool(
        case, ["patch", "-p1", "--fuzz=3", "--batch", "--silent", "--no-backup-if-mismatch"]
    )


#: name -> way; those for diffs get nothing else, the others no diffs.
FLOORS: dict[str, Callable[[Case], Mapping[str, str | None]]] = {
    "exact": exact,
    "indent": indent,
    "git apply": git_apply,
    "patch --fuzz=3": patch_fuzz,
}


def floor(name: str, case: Case) -> Mapping[str, str | None] | None:
    """What the way writes, nothing where it refuses; None where the reply is not of its kind."""
    diff = read_reply(case.reply).format == "unified diff"
    if diff == (name in ("exact", "indent")):
        return None
    try:
        return FLOORS[name](case)
    except EditFailed:
        return {}


def _moved(line: str, by: int) -> str:
    if not line.strip() or by == 0:
        return line
    return " " * by + line if by > 0 else line[min(-by, len(line) - len(line.lstrip())) :]


def _by_tool(case: Case, command: list[str]) -> Mapping[str, str | None]:
    found = _DIFF.search(case.reply)
    if found is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="floor-") as folder:
        root = Path(folder)
        for path, text in case.before.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        diff = next(group for group in found.groups() if group is not None).rstrip("\n") + "\n"
        done = subprocess.run(
            command, cwd=root, input=diff.encode(errors="replace"), capture_output=True, check=False
        )
        if done.returncode:
            return {}
        after = {
            str(file.relative_to(root)): file.read_bytes().decode(errors="surrogateescape")
            for file in root.rglob("*")
            if file.is_file() and file.suffix not in (".orig", ".rej")
        }
    return {
        path: after.get(path)
        for path in case.before.keys() | after.keys()
        if after.get(path) != case.before.get(path)
    }
