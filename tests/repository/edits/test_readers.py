"""Edits are read from a reply in each format, and anything else is reported."""

import json
from collections.abc import Mapping

import pytest

from tests.repository.edits.applying import apply_to_texts, refusal_of_texts

FILE = "def f():\n    a = 1\n    return a\n\n\ndef g():\n    return 2\n"
CHANGED = {"m.py": FILE.replace("a = 1", "a = 3")}
ENVELOPE = "*** Begin Patch\n{}*** End Patch\n"


def applied(reply: str, files: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Apply a reply to the given files and ``m.py``, which always exists."""
    return apply_to_texts(reply, {"m.py": FILE, **(files or {})})


def refusal(reply: str, files: Mapping[str, str] | None = None) -> str:
    return refusal_of_texts(reply, {"m.py": FILE, **(files or {})})


@pytest.mark.parametrize(
    "reply",
    [
        (
            "```diff\n--- a/m.py\n+++ b/m.py\n@@ -90,3 +1,77 @@\n def f():\n-    a = 1\n+    a ="
            " 3\n```\nThat is all."
        ),
        (
            "diff --git a/m.py b/m.py\nindex 12ab..34cd 100644\n--- a/m.py\n+++ b/m.py\n@@ @@\n-   "
            " a = 1\n+    a = 3\n"
        ),
        (
            "<patch>\n--- m.py\n+++ m.py\n@@ def f():\n-    a = 1\n+    a = 3\n     return a\n"
            " </patch>"
        ),
        "--- a/m.py\n+++ b/m.py\n-    a = 1\n+    a = 3\n",
        "`m.py`\n```diff\n@@ -1 +1 @@\n-    a = 1\n+    a = 3\n```",
        (
            "--- a/m.py\t2024-01-01\n+++ b/m.py\tnow\n@@ -2,2 +2,2 @@\n-    a = 1\n+    a = 3\n    "
            " return a\n\nYes"
        ),
        # The context has lost its leading space.
        (
            "```diff\n--- a/m.py\n+++ b/m.py\n@@ -1,3 +1,3 @@\ndef f():\n-    a = 1\n+    a = 3\n  "
            "  return a\n```"
        ),
    ],
)
def test_diffs_are_located_by_their_context_not_their_numbers(reply):
    assert applied(reply) == CHANGED


def test_hunks_refer_to_the_file_before_the_diff():
    reply = "--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-    a = 1\n+    return 2\n"
    reply += "@@ -7 +7 @@\n-    return 2\n+    return 4\n"
    assert applied(reply) == {
        "m.py": FILE.replace("return 2", "return 4").replace("a = 1", "return 2")
    }


def test_a_heading_or_line_number_chooses_between_equal_matches():
    twice = "class A:\n    x = 1\n\n\nclass B:\n    x = 1\n"
    hunk = "-    x = 1\n+    x = 2\n"
    assert applied(f"--- a/t.py\n+++ b/t.py\n@@ -6,1 +6,1 @@\n{hunk}", {"t.py": twice})[
        "t.py"
    ].endswith("x = 2\n")
    assert applied(f"--- a/t.py\n+++ b/t.py\n@@ -9 +9 @@ class B:\n{hunk}", {"t.py": twice})[
        "t.py"
    ].endswith("x = 2\n")
    assert "occurs 2 times" in refusal(
        f"--- a/t.py\n+++ b/t.py\n@@ -9 +9 @@\n{hunk}", {"t.py": twice}
    )


def test_a_diff_creates_and_removes_files():
    diff = "--- /dev/null\n+++ b/new/n.py\n@@ -0,0 +1,2 @@\n+a = 1\n+b = 2\n"
    assert applied(diff) == {"new/n.py": "a = 1\nb = 2\n"}
    assert applied(
        "diff --git a/m.py b/m.py\ndeleted file mode 100644\n--- a/m.py\n+++ /dev/null\n"
    ) == {"m.py": None}


def test_a_hunk_without_a_line_of_the_file_is_refused():
    assert "no line of the file" in refusal("--- a/m.py\n+++ b/m.py\n@@ -2,0 +3,1 @@\n+    a = 3\n")


def test_an_envelope_updates_adds_and_deletes():
    sections = "*** Update File: m.py\n@@ def f():\n-    a = 1\n+    a = 3\n"
    sections += "*** Add File: n.py\n+b = 1\n*** Delete File: o.py\n"
    assert applied(ENVELOPE.format(sections), {"o.py": "x\n"}) == CHANGED | {
        "n.py": "b = 1\n",
        "o.py": None,
    }


def test_an_envelope_moves_a_file() -> None:
    move = "*** Update File: m.py\n*** Move to: lib/m.py\n"
    assert applied(ENVELOPE.format(move)) == {"m.py": None, "lib/m.py": FILE}
    hunk = "@@ def f():\n-    a = 1\n+    a = 3\n"
    assert applied(ENVELOPE.format(move + hunk)) == {"m.py": None, "lib/m.py": CHANGED["m.py"]}


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ("*** Update File: m.py\n@@\n-    a = 1\nso\n", "does not begin with a space, + or -"),
        ("*** Add File: n.py\nb = 1\n", "each line of a new file"),
        ("*** Update File: m.py\n*** Move to: ../n.py\n", "refused"),
        ("-    a = 1\n", "belongs to no file"),
    ],
)
def test_an_invalid_envelope_is_refused_with_the_reason(sections, why):
    assert why in refusal(ENVELOPE.format(sections))
    assert "ends inside the patch" in refusal(
        "*** Begin Patch\n*** Update File: m.py\n-    a = 1\n"
    )


@pytest.mark.parametrize(
    ("old", "new"), [("original", "patched"), ("search", "replace"), ("old_code", "new_code")]
)
def test_pairs_are_read_in_tags_of_any_name(old, new):
    reply = f"Words.\n<file>m.py</file>\n<{old}>    a = 1</{old}>\n<{new}>\n    a = 3\n</{new}>\n"
    assert applied(reply) == CHANGED


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("<original>a</original><patched>b</patched>", "names no file"),
        (
            "<file>m.py</file><original>    a = 1</original>\n<patched>    a = 3",
            "has no </patched>",
        ),
        ("<file>m.py</file><patched>    a = 3</patched>", "without an <original>"),
    ],
)
def test_an_incomplete_pair_is_refused(reply, why):
    assert why in refusal(reply)


def call(name: str, **arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments})


@pytest.mark.parametrize(
    "reply",
    [
        call(
            "replace_lines",
            file_path="m.py",
            start_line=2,
            end_line=2,
            replacement_code="\n    a = 3\n",
        ),
        call(
            "str_replace_editor",
            command="str_replace",
            path="m.py",
            old_str="a = 1",
            new_str="a = 3",
        ),
        json.dumps(
            [
                {
                    "type": "tool_use",
                    "name": "e",
                    "input": {"path": "m.py", "old_str": "1", "new_str": "3"},
                }
            ]
        ),
        json.dumps(
            {
                "tool_calls": [
                    {
                        "function": {
                            "name": "edit",
                            "arguments": json.dumps(
                                {
                                    "path": "m.py",
                                    "edits": [{"old_text": "a = 1", "new_text": "a = 3"}],
                                }
                            ),
                        }
                    }
                ]
            }
        ),
        "I look first.\n"
        + call("view", path="m.py")
        + "\n\n```json\n"
        + call("write_file", path="m.py", content=FILE.replace("a = 1", "a = 3"))
        + "\n```",
        (
            '<invoke name="edit"><parameter name="path">m.py</parameter><parameter name="old_str">a'
            ' = 1</parameter><parameter name="new_str">a = 3</parameter></invoke>'
        ),
        (
            "<function=str_replace_editor>\n<parameter=command>str_replace</parameter>\n<parameter=path>m.py</parameter>\n<parameter=old_str>\n"
            "    a = 1\n</parameter>\n<parameter=new_str>\n    a = 3\n</parameter>\n</function>"
        ),
        json.dumps(
            {
                "name": "shell",
                "arguments": {
                    "command": [
                        "apply_patch",
                        ENVELOPE.format("*** Update File: m.py\n@@\n-    a = 1\n+    a = 3\n"),
                    ]
                },
            }
        ),
        call("patch", diff="--- a/m.py\n+++ b/m.py\n@@ -2 +2 @@\n-    a = 1\n+    a = 3\n"),
        call("edit", path="/testbed/m.py", old_str="a = 1", new_str="a = 3"),
    ],
)
def test_tool_calls_are_read_in_the_shapes_of_all_providers(reply):
    assert applied(reply) == CHANGED


def test_a_call_inserts_replaces_everywhere_or_creates_a_file():
    assert applied(call("insert", path="m.py", insert_line=0, new_str="import os\n")) == {
        "m.py": f"import os\n{FILE}"
    }
    everywhere = call("edit", path="m.py", old_str="return", new_str="yield", replace_all=True)
    assert applied(everywhere) == {"m.py": FILE.replace("return", "yield")}
    assert "occurs 2 times" in refusal(call("edit", path="m.py", old_str="return", new_str="yield"))
    assert applied(call("create", path="n.py", file_text="a = 1\n")) == {"n.py": "a = 1\n"}


def test_a_call_deletes_or_renames_a_file() -> None:
    assert applied(call("delete_file", path="m.py")) == {"m.py": None}
    for name, arguments in (
        ("rename_file", {"path": "m.py", "new_path": "n.py"}),
        ("move_file", {"source": "m.py", "destination": "./n.py"}),
        ("editor", {"command": "rename", "old_path": "m.py", "new_path": "n.py"}),
    ):
        assert applied(call(name, **arguments)) == {"m.py": None, "n.py": FILE}
    assert "the old and the new path" in refusal(call("rename_file", path="m.py"))


def test_line_numbers_that_an_earlier_call_moved_are_refused():
    first = call(
        "replace_lines",
        file_path="m.py",
        start_line=1,
        end_line=1,
        replacement_code="import os\ndef f():",
    )
    later = call(
        "replace_lines", file_path="m.py", start_line=7, end_line=7, replacement_code="    return 3"
    )
    assert "moved these lines" in refusal(f"{first}\n{later}")
    assert applied(f"{later}\n{first}") == {
        "m.py": f"import os\n{FILE}".replace("return 2", "return 3")
    }
    assert "not in the file" in refusal(
        call("replace_lines", file_path="m.py", start_line=70, end_line=71, replacement_code="x")
    )


def test_a_complete_file_in_a_fence_is_an_edit_if_there_is_no_other():
    new = FILE.replace("a = 1", "a = 3")
    assert applied(f"Here it is.\n\n**m.py**\n```python\n{new}```\n") == CHANGED
    assert applied(f"```python m.py\n{new}```\n") == CHANGED
    assert "lines are left out" in refusal(
        "m.py\n```\ndef f():\n    a = 3\n    # ... the rest\n```\n"
    )
    assert "looks like only part" in refusal("m.py\n```\ndef f():\n    a = 3\n```\n")
    assert "contains no edits" in refusal("Look at this:\n```python\na = 3\n```\n")
    assert "ends inside m.py" in refusal("m.py\n```\ndef f():\n")


def test_a_second_format_in_a_reply_is_refused():
    inside = (
        "m.py\n<<<<<<< SEARCH\n    a = 1\n=======\n    a = '''\n--- a/m.py\n+++ b/m.py\n@@ -1 +1"
        " @@'''\n"
    )
    inside += ">>>>>>> REPLACE\n"
    assert "+++ b/m.py" in (applied(inside)["m.py"] or "")
    beside = (
        inside
        + "\n```diff\n--- a/m.py\n+++ b/m.py\n@@ -7 +7 @@\n-    return 2\n+    return 3\n```\n"
    )
    assert "among edits of another format (search/replace)" in refusal(beside)


@pytest.mark.parametrize("tags", [["think"], ["analysis"], ["thinking", "analysis"]])
def test_drafts_in_a_models_thinking_are_not_edits(tags: list[str]):
    draft = "m.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n"
    thoughts = "".join(f"<{tag}>\n{draft}</{tag}>\n" for tag in tags)
    assert (
        applied(f"{thoughts}m.py\n<<<<<<< SEARCH\n    a = 1\n=======\n    a = 3\n>>>>>>> REPLACE\n")
        == CHANGED
    )


@pytest.mark.parametrize(
    "reply",
    [
        "<<<<<<< SEARCH m.py\n    a = 1\n=======\n    a = 3\n>>>>>>> REPLACE\n",
        "m.py\n<<<<<<< ORIGINAL\n    a = 1\n=======\n    a = 3\n>>>>>>> UPDATED\n",
        (
            "<path>m.py</path>\n<diff>\n------- SEARCH\n    a = 1\n=======\n    a = 3\n+++++++"
            " REPLACE\n"
        ),
        "m.py\n```\n<<<<<<< SEARCH\n    a = 1\n=======\n    a = 3\n```\nDone.\n",
        (
            "m.py\n<<<<<<< SEARCH\ndef f():\n    a = 1\n...\n=======\ndef f():\n    a ="
            " 3\n...\n>>>>>>> REPLACE\n"
        ),
        (
            "m.py\n<<<<<<< SEARCH\ndef f():\n    a = 1\n/* ... */\n=======\ndef f():\n    a ="
            " 3\n/* ... */\n>>>>>>> REPLACE\n"
        ),
    ],
    ids=[
        "path behind the mark",
        "other words",
        "other marks",
        "the fence ends the block",
        "elision at the end",
        "elision in a comment with an end",
    ],
)
def test_unusual_blocks_are_read(reply):
    assert applied(reply) == CHANGED
