"""Checks of the files that a change writes."""

import pytest

from tests.repository.edits.applying import apply_to_bytes, block, refusal_of_bytes


@pytest.mark.parametrize(
    ("path", "before", "search", "replace"),
    [
        ("a.py", "x = (1,\n     2)\n", "     2)\n", "     2\n"),
        ("a.json", '{"a": 1}\n', '{"a": 1}\n', '{"a": 1,}\n'),
        ("a.toml", "a = 1\n", "a = 1\n", "a =\n"),
        ("a.yml", "a: 1\n", "a: 1\n", "a: [1\n"),
    ],
)
def test_a_file_that_parsed_must_still_parse(path, before, search, replace):
    assert "no longer parses" in refusal_of_bytes(
        block(path, search, replace), {path: before.encode()}
    )
    broken = "%% broken (\n" + before
    assert apply_to_bytes(
        block(path, search, replace), {path: broken.encode()}
    ).files  # it did not before


def test_a_new_file_must_parse_and_conflict_markers_are_not_written():
    assert "no longer parses" in refusal_of_bytes(block("n.py", "", "def f(:\n"), {})
    marked = "*** Begin Patch\n*** Add File: n.txt\n+<<<<<<< HEAD\n+a\n*** End Patch\n"
    assert "conflict marker" in refusal_of_bytes(marked, {})


def test_a_file_and_a_file_below_it_are_not_written_together():
    reply = block("`a/b`", "", "x\n") + block("`a`", "", "x\n")
    assert "`a` would be both a file and a folder" in refusal_of_bytes(reply, {})
