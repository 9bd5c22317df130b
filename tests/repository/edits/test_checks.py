"""Checks of the files that a change writes."""

from tests.repository.edits.applying import block, refusal_of_bytes


def test_conflict_markers_are_not_written():
    marked = "*** Begin Patch\n*** Add File: n.txt\n+<<<<<<< HEAD\n+a\n*** End Patch\n"
    assert "conflict marker" in refusal_of_bytes(marked, {})


def test_a_file_and_a_file_below_it_are_not_written_together():
    reply = block("`a/b`", "", "x\n") + block("`a`", "", "x\n")
    assert "`a` would be both a file and a folder" in refusal_of_bytes(reply, {})
