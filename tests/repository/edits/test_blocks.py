"""The reader of search/replace blocks: headers, marks and refusals."""

import pytest

from repository.edits.model import Edit, EditFailed, Replace
from repository.edits.readers import read_reply, require_edits
from tests.repository.edits.applying import apply_to_texts, block, refusal_of_texts


def parse_edits(reply: str) -> tuple[Edit, ...]:
    return require_edits(read_reply(reply))


def variants(edit: Edit) -> list[tuple[list[str], list[str]]]:
    assert isinstance(edit.change, Replace)
    return [(list(variant.search), list(variant.replacement)) for variant in edit.change.variants]


@pytest.mark.parametrize(
    "header",
    [
        "a/b.py\n",
        "```python\na/b.py\n",
        "a/b.py\n```python\n",
        "### a/b.py\n```\n",
        "**a/b.py**\n\n```python\n",
        "`a/b.py`:\n```python\n",
        "File: a/b.py\n",
        "## File: `./a/b.py`\n~~~\n",
        "1. `a/b.py`\n",
        "```python a/b.py\n",
        "```a/b.py\n",
        "```python\n# a/b.py\n",
        "```js\n// a/b.py\n",
        "- a/b.py\n",
    ],
)
def test_a_path_is_read_in_any_markup(header):
    (edit,) = parse_edits(
        f"Words.\n\n{header}<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```\n"
    )
    assert edit.path == "a/b.py"
    assert variants(edit) == [(["x"], ["y"])]


def test_blocks_with_nothing_between_them_edit_the_same_file():
    first = block("a.py", "x\n", "y\n")
    for between in ("", "\n\n", "```\n\n```python\n", "```\n---\n```\n", "</edit>\n<edit>\n"):
        reply = f"{first}{between}<<<<<<< SEARCH\np\n=======\nq\n>>>>>>> REPLACE\n"
        assert [edit.path for edit in parse_edits(reply)] == ["a.py", "a.py"]


def test_a_block_without_a_path_is_refused():
    with pytest.raises(EditFailed, match="block 1 names no file"):
        parse_edits("Change the sum as follows.\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n")


@pytest.mark.parametrize("length", [5, 6, 8, 9])
def test_marks_of_other_lengths_are_read(length):
    reply = f"a.py\n{'<' * length} SEARCH\nx\n{'=' * length}\ny\n{'>' * length} REPLACE\n"
    assert variants(parse_edits(reply)[0]) == [(["x"], ["y"])]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("a.py\n<<<<<<< SEARCH\nx\n=======\ny\n", "ends inside block 1"),
        ("a.py\n<<<<<<< SEARCH\nx\n>>>>>>> REPLACE\n", "no ======= line"),
        (
            "a.py\n<<<<<<< SEARCH\nx\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n",
            "before the next one",
        ),
        ("a.py\nx\n=======\ny\n>>>>>>> REPLACE\n", "but none is open"),
    ],
)
def test_a_broken_block_is_refused_with_the_reason(reply, why):
    with pytest.raises(EditFailed, match=why):
        parse_edits(reply)


def test_conflict_markers_are_content():
    conflict = "<<<<<<< HEAD\nx\n>>>>>>> branch\n"
    (edit,) = parse_edits(block("shop.py", conflict, "x\n"))
    assert variants(edit) == [(["<<<<<<< HEAD", "x", ">>>>>>> branch"], ["x"])]


def test_a_block_indented_as_a_whole_is_dedented():
    reply = (
        "1. `new.py`\n   <<<<<<< SEARCH\n   =======\n   def f():\n       pass\n   >>>>>>> REPLACE\n"
    )
    assert apply_to_texts(reply, {}) == {"new.py": "def f():\n    pass\n"}


def test_prose_is_the_text_outside_the_blocks():
    reply = (
        "The sum was wrong.\n\n```python\n"
        + block("shop.py", "x\n", "y\n")
        + "```\n\nThat is all.\n"
    )
    assert read_reply(reply).prose == "The sum was wrong.\n\nThat is all."


def test_an_underline_like_a_divider_is_content():
    old = "Usage\n=======\n\nold words\n"
    new = "Usage\n=======\n\nnew words\n"
    reply = block("docs.rst", old, new)
    assert apply_to_texts(reply, {"docs.rst": old}) == {"docs.rst": new}


def test_a_second_divider_that_underlines_nothing_is_refused():
    reply = block("shop.py", "import os\n", "import os\nimport collections\n=======\n")
    assert "more than one =======" in refusal_of_texts(reply, {"shop.py": "import os\n"})


def test_a_line_outside_the_blocks_deletes_a_file() -> None:
    reply = block("a.py", "x\n", "y\n") + "\n*** Delete File: `old.py`\n"
    files = {"a.py": "x\n", "old.py": "z\n"}
    assert apply_to_texts(reply, files) == {"a.py": "y\n", "old.py": None}
    assert apply_to_texts("*** Delete File: old.py", files) == {"old.py": None}
    quoted = block("notes.md", "", "*** Delete File: a.py\n")
    assert apply_to_texts(quoted, files) == {"notes.md": "*** Delete File: a.py\n"}


def test_a_line_in_the_text_of_a_fence_deletes_nothing() -> None:
    files = {"a.py": "x\n", "old.py": "o\n"}
    text = "How to delete:\n*** Delete File: old.py\n"
    whole = f"notes.md\n```markdown\n{text}```\n"
    assert apply_to_texts(whole, files) == {"notes.md": text}
    edit = block("a.py", "x\n", "y\n")
    assert "among other lines in a code fence" in refusal_of_texts(f"{whole}\n{edit}", files)

    fenced = f"```\n{edit}\n*** Delete File: old.py\n```\n"
    assert apply_to_texts(fenced, files) == {"a.py": "y\n", "old.py": None}
    assert apply_to_texts("```\n*** Delete File: old.py\n```\n", files) == {"old.py": None}


@pytest.mark.parametrize(
    "line",
    [
        "*** Move File: old.py -> lib/new.py",
        "*** Rename File: `old.py` -> `lib/new.py`",
        "  *** Move File: old.py to ./lib/new.py",
    ],
)
def test_a_line_outside_the_blocks_renames_a_file_which_can_then_be_edited(line: str) -> None:
    files = {"a.py": "x\n", "old.py": "z\n"}
    assert apply_to_texts(f"{line}\n", files) == {"old.py": None, "lib/new.py": "z\n"}
    edited = f"{line}\n\n{block('lib/new.py', 'z' + chr(10), 'zz' + chr(10))}"
    assert apply_to_texts(edited, files) == {"old.py": None, "lib/new.py": "zz\n"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("*** Move File: old.py", "write *** Move File: old/path -> new/path"),
        ("*** Move File: old.py -> a.py", "there is a file `a.py` already"),
        ("*** Move File: none.py -> b.py", "there is no file `none.py`"),
        ("*** Move File: old.py -> .git/config", "refused"),
        ("*** Move File: .github/workflows/x.yml -> x.yml", "refused"),
        ("*** Make Executable: none.sh", "there is no file `none.sh`"),
    ],
)
def test_an_operation_that_can_not_be_done_is_refused_with_the_reason(line: str, why: str) -> None:
    files = {"a.py": "x\n", "old.py": "z\n", ".github/workflows/x.yml": "x\n"}
    assert why in refusal_of_texts(f"{line}\n", files)


def test_an_operation_stands_between_two_blocks() -> None:
    reply = block("a.py", "x\n", "y\n") + "*** Delete File: old.py\n" + block("", "y\n", "z\n")
    assert "names no file" in refusal_of_texts(reply, {"a.py": "x\n", "old.py": ""})


def test_a_part_of_a_patch_without_its_beginning_is_a_problem() -> None:
    reply = "*** Delete File: old.py\n*** Update File: a.py\n@@\n-x\n+y\n"
    assert "write *** Begin Patch above" in refusal_of_texts(reply, {"a.py": "x\n", "old.py": ""})
