"""Unified diffs: git's headers of files, and counts that are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.edits.apply_reply import AppliedReply, apply_reply
from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.git import Entry
from stages.propose_patch.base_code import syntax_checker
from tests.repository.edits.applying import POLICY, apply_to_texts, refusal_of_texts

FILE = "a\nb\n\nc\nd\ne\n\nf\ng\n"
FILES = {"m.txt": FILE, "n.txt": "one\ntwo\n"}
NAMES = "--- a/m.txt\n+++ b/m.txt\n"
GIT = "diff --git a/{0} b/{1}\n"


def apply_to_modes(reply: str) -> AppliedReply:
    """Apply a reply to ``run.sh``, which is executable, and ``lib.sh``, which is not."""
    entries = [Entry("100755", "", 5, "run.sh"), Entry("100644", "", 5, "lib.sh")]
    files = EditableFiles(entries, lambda _: b"echo\n")
    return apply_reply(reply, files, POLICY, syntax_checker(lambda: files, ()))


@pytest.mark.parametrize(
    ("reply", "files", "executable"),
    [
        (
            GIT.format("new.sh", "new.sh") + "new file mode 100755\n--- /dev/null\n+++ b/new.sh\n"
            "@@ -0,0 +1 @@\n+echo\n",
            {"new.sh": b"echo\n"},
            {"new.sh": True},
        ),
        (
            GIT.format("new.sh", "new.sh") + "new file mode 100644\n--- /dev/null\n+++ b/new.sh\n"
            "@@ -0,0 +1 @@\n+echo\n",
            {"new.sh": b"echo\n"},
            {},
        ),
        (
            GIT.format("lib.sh", "lib.sh") + "old mode 100644\nnew mode 100755\n",
            {"lib.sh": b"echo\n"},
            {"lib.sh": True},
        ),
        (
            GIT.format("run.sh", "run.sh") + "old mode 100755\nnew mode 100644\n"
            "--- a/run.sh\n+++ b/run.sh\n@@ -1 +1 @@\n-echo\n+ls\n",
            {"run.sh": b"ls\n"},
            {"run.sh": False},
        ),
        (
            GIT.format("run.sh", "bin/run.sh") + "similarity index 100%\nrename from run.sh\n"
            "rename to bin/run.sh\n",
            {"run.sh": None, "bin/run.sh": b"echo\n"},
            {"bin/run.sh": True},
        ),
        (
            GIT.format("lib.sh", "x.sh") + "similarity index 50%\ncopy from lib.sh\ncopy to x.sh\n"
            "--- a/lib.sh\n+++ b/x.sh\n@@ -1 +1 @@\n-echo\n+ls\n",
            {"x.sh": b"ls\n"},
            {},
        ),
        ("*** Make Executable: lib.sh\n", {"lib.sh": b"echo\n"}, {"lib.sh": True}),
        (
            "*** Move File: run.sh -> bin/run.sh\n",
            {"run.sh": None, "bin/run.sh": b"echo\n"},
            {"bin/run.sh": True},
        ),
    ],
    ids=["new", "new plain", "mode", "mode and text", "rename", "copy", "line", "move"],
)
def test_modes_and_names_are_those_of_git(
    reply: str, files: dict[str, bytes | None], executable: dict[str, bool]
) -> None:
    applied = apply_to_modes(reply)
    assert (applied.files, applied.executable) == (files, executable)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (
            GIT.format("x", "x")
            + "new file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+y\n",
            "links and submodules",
        ),
        (GIT.format("m.txt", "o.txt") + "rename from m.txt\n", "one end of a rename"),
        ("--- a/m.txt\n+++ b/o.txt\n@@ -1 +1 @@\n-a\n+A\n", "write git's lines 'rename from'"),
        ("--- a/m.txt\n+++ /dev/null\n@@ -1 +1 @@\n-a\n+A\n", "deletes the file, but"),
        ("--- a/m.txt\n+++ /dev/null\n@@ -1,2 +1 @@\n a\n-b\n", "deletes the file, but"),
        (GIT.format("x.png", "x.png") + "GIT binary patch\nliteral 3\nabc\n", "binary file"),
        (GIT.format("lib.sh", "lib.sh") + "old mode 100755\nnew mode 100644\n", "change nothing"),
    ],
)
def test_a_header_that_can_not_be_followed_is_refused(reply: str, why: str) -> None:
    with pytest.raises(EditFailed, match=why):
        apply_to_modes(reply)


def test_a_file_can_not_be_renamed_into_one_that_is_protected() -> None:
    for name in ("gradlew", ".github/workflows/ci.yml", "poetry.lock"):
        with pytest.raises(EditFailed, match=r"policy|workflows"):
            apply_to_modes(f"*** Move File: lib.sh -> {name}\n")


HUNKS = "@@ -1,{}+1,{} @@\n a\n-b\n+B\n\n c\n-d\n+D\n e\n@@ -8,2 +8,2 @@\n f\n-g\n+G\n"
CHANGED = FILE.replace("b", "B").replace("d", "D").replace("g", "G")


@pytest.mark.parametrize("old", ["1 ", "2 ", "3 ", "5 ", "6 ", "9 ", "99 "])
@pytest.mark.parametrize("new", ["2", "3", "6", "60"])
@pytest.mark.parametrize("frame", ["{}", "```diff\n{}```\n", "Words.\n\n{}\n- Done.\n- All.\n"])
def test_wrong_counts_of_a_hunk_lose_nothing(old: str, new: str, frame: str) -> None:
    other = "--- a/n.txt\n+++ b/n.txt\n@@ -1 +1 @@\n-one\n+1\n"
    reply = frame.format(NAMES + HUNKS.format(old, new) + other)
    assert apply_to_texts(reply, FILES) == {"m.txt": CHANGED, "n.txt": "1\ntwo\n"}


@pytest.mark.parametrize(
    "lost",
    [
        "So this, too:\n\n-    g = 1\n+    g = 2\n",
        "So this, too:\n\n@@ -8,2 +8,2 @@\n f\n-g\n+G\n",
        "So this, too:\n\n```diff\n-g\n+G\n```\n",
    ],
)
def test_lines_of_a_diff_that_belong_to_no_hunk_are_a_problem(lost: str) -> None:
    reply = f"{NAMES}@@ -1,2 +1,2 @@\n a\n-b\n+B\n\n{lost}"
    message = refusal_of_texts(reply, FILES)
    assert "belongs to no hunk" in message or "names no file" in message


@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=4, unique=True).map(sorted),
    st.lists(st.integers(1, 9), min_size=8, max_size=8),
)
def test_a_diff_with_any_counts_applies_whole_or_not_at_all(
    changed: list[int], counts: list[int]
) -> None:
    lines = FILE.split("\n")[:-1]
    hunks = ""
    for number, at in enumerate(changed):
        context = f" {lines[at - 1]}\n" if at and at - 1 not in changed else ""
        header = f"@@ -{at + 1},{counts[2 * number]} +{at + 1},{counts[2 * number + 1]} @@\n"
        hunks += f"{header}{context}-{lines[at]}\n+{lines[at]}!\n"
    expected = [f"{line}!" if at in changed else line for at, line in enumerate(lines)]
    try:
        after = apply_to_texts(NAMES + hunks, FILES)
    except EditFailed:
        return
    assert after == {"m.txt": "\n".join([*expected, ""])}
