"""A git patch as rows of two sides."""

from console.html.diffs import FileDiff, Line, compare_texts, mark_words, read_patch
from tests.stand_ins.example_runs import PATCH

TWO_FILES = """\
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1,2 @@
+first
+second
diff --git a/old.bin b/old.bin
deleted file mode 100644
Binary files a/old.bin and /dev/null differ
"""


def text(line: Line | None) -> str | None:
    if line is None:
        return None
    return f"{line.number} {line.text}"


def rows(file: FileDiff) -> list[tuple[str, str | None, str | None]]:
    return [(row.kind, text(row.old), text(row.new)) for row in file.rows]


def test_replaced_lines_are_beside_each_other() -> None:
    (file,) = read_patch(PATCH)
    assert (file.path, file.change, file.added, file.removed) == (
        "hourglass/entries.py",
        "changed",
        4,
        1,
    )
    assert rows(file)[1:6] == [
        (
            "same",
            '31     day = date.fromisoformat(match["day"])',
            '31     day = date.fromisoformat(match["day"])',
        ),
        (
            "same",
            '32     start = _at(day, match["start"])',
            '32     start = _at(day, match["start"])',
        ),
        (
            "changed",
            '33     end = _at(day, match["end"])',
            '33     end = _at(day, match["end"])  # perhaps of the next day',
        ),
        ("changed", None, "34     if end < start:"),
        ("changed", None, "35         # The shift goes past midnight."),
    ]
    assert file.rows[0].where == "def parse_entry(line: str) -> Entry:"


def test_the_words_that_differ_are_marked() -> None:
    (file,) = read_patch(
        "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n"
        "@@ -1 +1 @@\n-x = one + 2\n+x = two + 2\n"
    )
    row = mark_words(file.rows[1])
    assert row.old is not None
    assert row.new is not None
    assert [part.text for part in row.old.parts] == ["x = ", "one", " + 2"]
    assert [part.text for part in row.new.parts if part.is_changed] == ["two"]


def test_of_two_texts_only_the_first_rows_have_marked_words() -> None:
    file = compare_texts("a", "one x\ntwo x", "one y\ntwo y", marked_rows=2)
    assert file is not None
    marked = [row.new.parts[-1].is_changed for row in file.rows if row.new is not None]
    assert marked == [True, False]
    assert rows(file)[1:] == [("changed", "1 one x", "1 one y"), ("changed", "2 two x", "2 two y")]
    assert compare_texts("a", "one", "one") is None


def test_added_deleted_and_binary_files_are_named() -> None:
    added, deleted = read_patch(TWO_FILES)
    assert (added.path, added.change) == ("new.py", "added")
    assert rows(added) == [
        ("gap", None, None),
        ("changed", None, "1 first"),
        ("changed", None, "2 second"),
    ]
    assert (deleted.path, deleted.change, deleted.rows) == ("old.bin", "binary", ())


def test_text_that_is_no_patch_has_no_files() -> None:
    assert read_patch("nothing\nto see\n") == ()
    assert read_patch("") == ()


def test_removed_lines_that_look_like_headers_stay_lines() -> None:
    (file,) = read_patch(
        "diff --git a/a.sql b/a.sql\n--- a/a.sql\n+++ b/a.sql\n@@ -1,2 +1 @@\n--- comment\n kept\n"
    )
    assert rows(file)[1:] == [("changed", "1 -- comment", None), ("same", "2 kept", "1 kept")]
