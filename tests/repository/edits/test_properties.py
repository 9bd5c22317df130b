"""Properties of any file, edit and reply. ``make fuzz`` tries each with 10,000 examples."""

import json
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from repository.edits.apply_reply import apply_reply
from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.git import Entry
from stages.propose_patch.base_code import syntax_checker
from tests.repository.edits.applying import POLICY, apply_to_bytes


def applied(reply: str, data: bytes) -> dict[str, bytes | None]:
    """Apply a reply to ``f.txt``, the only file, with the content ``data``."""
    return apply_to_bytes(reply, {"f.txt": data}).files


# How each format writes "these lines become those", ``start`` being the index of the first one.
def _block(search: list[str], replace: list[str], _start: int) -> str:
    lines = ["f.txt", "```", "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE"]
    return "\n".join([*lines, "```"])


def _pair(search: list[str], replace: list[str], _start: int) -> str:
    original = ["<original>", *search, "</original>"]
    patched = ["<patched>", *replace, "</patched>"]
    return "\n".join(["<file>f.txt</file>", *original, *patched, ""])


def _diff(search: list[str], replace: list[str], start: int) -> str:
    header = ["--- a/f.txt", "+++ b/f.txt", f"@@ -{start + 7},9 +{start},1 @@"]
    return "\n".join(["```diff", *header, *_hunk_lines(search, replace), "```"])


def _envelope(search: list[str], replace: list[str], _start: int) -> str:
    header = ["*** Begin Patch", "*** Update File: f.txt", "@@"]
    return "\n".join([*header, *_hunk_lines(search, replace), "*** End Patch"])


def _hunk_lines(search: list[str], replace: list[str]) -> list[str]:
    removed = [f"-{line}" for line in search]
    added = [f"+{line}" for line in replace]
    return removed + added


def _replacing(search: list[str], replace: list[str], _start: int) -> str:
    arguments = {
        "path": "f.txt",
        "old_str": "\n".join(search) + "\n",
        "new_str": "\n".join(replace) + "\n",
    }
    return json.dumps({"name": "str_replace", "arguments": arguments})


def _spanning(search: list[str], replace: list[str], start: int) -> str:
    arguments = {
        "file_path": "f.txt",
        "start_line": start + 1,
        "end_line": start + len(search),
        "replacement_code": "\n".join(replace) + "\n",
    }
    call = json.dumps({"name": "replace_lines", "arguments": arguments}, indent=1)
    return f"I call the tool.\n\n```json\n{call}\n```"


FORMATS: dict[str, Callable[[list[str], list[str], int], str]] = {
    "blocks": _block,
    "pairs": _pair,
    "diff": _diff,
    "envelope": _envelope,
    "str_replace": _replacing,
    "replace_lines": _spanning,
}

# Lines that no format reads as a mark. They are unique even without whitespace, so that every cut
# occurs only once.
_text = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r\0", exclude_categories=("Cs",)),
    max_size=12,
)
_lines = st.lists(_text.map(lambda s: f"x{s}x"), min_size=1, max_size=12, unique=True)


@pytest.mark.parametrize("name", FORMATS)
@given(_lines, st.data())
def test_an_edit_gives_the_same_result_in_every_format(name, lines, data):
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, len(lines)))
    new = data.draw(_lines)
    assume(new != lines[start:end])
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    mark = data.draw(st.sampled_from(["", "\ufeff"]))
    text = mark + newline.join([*lines, ""])
    assume("[..." not in text)
    expected = mark + newline.join([*lines[:start], *new, *lines[end:], ""])
    if not (mark and name == "str_replace"):
        assert applied(FORMATS[name](lines[start:end], new, start), text.encode()) == {
            "f.txt": expected.encode()
        }


_deeper = st.integers(0, 4)


def _indented(lines: list[str], indent: str) -> list[str]:
    return [indent + line for line in lines]


def _text_of(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


@given(_lines, st.integers(1, 8), st.data())
def test_indentation_that_all_lines_lost_is_restored(lines, width, data):
    assume(len(lines) > 1)
    indent = " " * width
    old = [" " * data.draw(_deeper) + line for line in lines]
    new = [line.replace("x", "y", 1) for line in old]
    file = _text_of(_indented(old, indent))
    expected = _text_of(_indented(new, indent))
    assert applied(_block(old, new, 0), file) == {"f.txt": expected}


@given(_lines, st.integers(1, 8), st.data())
def test_indentation_that_both_first_lines_lost_is_restored(lines, width, data):
    assume(len(lines) > 1)
    indent = " " * width
    old = [lines[0], *(" " * data.draw(_deeper) + line for line in lines[1:])]
    new = [line.replace("x", "y", 1) for line in old]
    file = _text_of(_indented(old, indent))
    expected = _text_of(_indented(new, indent))
    search = [old[0], *_indented(old[1:], indent)]
    replace = [new[0], *_indented(new[1:], indent)]
    assert applied(_block(search, replace, 0), file) == {"f.txt": expected}
    deeper = [f"{indent} {new[0]}", *replace[1:]]
    with pytest.raises(EditFailed):
        applied(_block(search, deeper, 0), file)


_piece = st.sampled_from(
    [
        "<<<<<<< SEARCH",
        "=======",
        ">>>>>>> REPLACE",
        "```python",
        "```",
        "f.txt",
        "/etc/passwd",
        "../f.txt",
        ".git/config",
        ".github/workflows/x.yml",
        "x",
        "",
        "  ",
        "\0",
        "é\r",
        "<file>f.txt</file>",
        "<original>",
        "</original>",
        "<patched>",
        "</patched>",
        "--- a/f.txt",
        "+++ b/f.txt",
        "+++ /dev/null",
        "@@ -1 +1 @@",
        "-x",
        "+y",
        " x",
        "*** Begin Patch",
        "*** Update File: f.txt",
        "*** Add File: ../g.txt",
        "*** Delete File: f.txt",
        "*** End Patch",
        "...",
        '{"name": "edit", "arguments": {"path": "../f.txt", "old_str": "x", "new_str": "y"}}',
        '{"name": "create", "arguments": {"path": "a/.GIT/x", "file_text": "y"}}',
        "<think>",
        "</think>",
    ]
)


class RecordedFiles(EditableFiles):
    """A tree with one file, and the paths that were requested from it."""

    def __init__(self) -> None:
        super().__init__([Entry("100644", "", 4, "f.txt")], lambda _: b"x\ny\n")
        self.requested: list[str] = []

    def read(self, path: str) -> bytes | None:
        self.requested.append(path)
        return super().read(path)


@given(st.lists(_piece | st.text(max_size=20), max_size=30))
def test_no_reply_writes_outside_the_tree_or_crashes(pieces):
    files = RecordedFiles()
    try:
        written = apply_reply(
            "\n".join(pieces), files, POLICY, syntax_checker(lambda: files, ())
        ).files
    except EditFailed:
        written = {}
    for path in [*files.requested, *written]:
        parts = path.split("/")
        assert path
        assert not path.startswith(("/", "~"))
        assert not {"", ".", "..", ".git"} & {part.casefold() for part in parts}
        assert parts[0].casefold() != ".github"
    assert written.get("f.txt") != b"x\ny\n"


N = 900_000
_OPEN = "f.txt\n<<<<<<< SEARCH\n"
_MID = "=======\n"
_CLOSE = ">>>>>>> REPLACE\n"


@pytest.mark.parametrize(
    ("reply", "data"),
    [
        ("word " * 1_000_000, b"x\n"),
        ("\n" * N, b"x\n"),
        (("<<<<<<< SEARCH\n" * (N // 15)), b"x\n"),
        (_OPEN + _MID * (N // 8) + _CLOSE, b"x\n"),
        (_OPEN + "a\n" * 100_000 + _MID + "b\n" + _CLOSE, b"a\n" * 300_000),
        (
            _OPEN + (" a\n" * 999 + " b\n") * 99 + "   a\n" * 3 + _MID + "b\n" + _CLOSE,
            (b"a\n" * 999 + b"b\n") * 200,
        ),
        (_OPEN + "...\nx\n" * 50_000 + _MID + "...\ny\n" * 50_000 + _CLOSE, b"x\n" * 1_000),
        ('[{"a": "\n' * (N // 9), b"x\n"),
        ("<original>" * (N // 10), b"x\n"),
        ("--- a/f.txt\n+++ b/f.txt\n" + "@@ -1 +1 @@\n-x\n+y\n" * (N // 18), b"x\n" * 300_000),
    ],
    ids=[
        "5 MB of words",
        "line ends",
        "openings",
        "dividers",
        "one line over and over",
        "nearly everywhere",
        "elisions",
        "begun calls",
        "begun pairs",
        "hunks",
    ],
)
@pytest.mark.timeout(20)
def test_a_pathological_reply_is_refused_in_time(reply, data):
    with pytest.raises(EditFailed):
        applied(reply, data)


def test_a_number_that_is_too_long_is_refused():
    with pytest.raises(EditFailed):
        applied('[{"name": "edit", "line": ' + "1" * 5_000 + "}]", b"x\n")


@pytest.mark.parametrize("depth", [100, 900, 950, 990, 5_000, 100_000])
def test_nested_json_is_refused_at_any_depth(depth):
    for opening, closing in (
        ("[", "]"),
        ('{"tool_calls": [', "]}"),
        ('{"path": "f.txt", "edits": [', "]}"),
    ):
        with pytest.raises(EditFailed):
            applied(opening * depth + closing * depth, b"x\n")
