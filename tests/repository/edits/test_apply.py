"""Reading edits out of replies, and applying them to texts."""

import re

import pytest

from repository.edits.apply import apply_edits
from repository.edits.model import Edit, EditFailed, Replace, SearchReplace
from repository.edits.readers import read_reply, require_edits
from tests.repository.edits import applying
from tests.repository.edits.applying import POLICY, apply_to_texts, refusal_of_texts

FILE = """\
import os


class Shop:
    def total(self, items):
        taxed = 0
        return sum(items)

    def count(self, items):
        return len(items)
"""


def block(search: str, replacement: str, path: str = "shop.py") -> str:
    return applying.block(path, search, replacement)


def parse_edits(reply: str) -> tuple[Edit, ...]:
    return require_edits(read_reply(reply))


def variants(edit: Edit) -> list[tuple[list[str], list[str]]]:
    assert isinstance(edit.change, Replace)
    return [(list(one.search), list(one.replacement)) for one in edit.change.variants]


def applied(reply: str, **files: str) -> dict[str, str | None]:
    return apply_to_texts(reply, _named(files))


def refusal(reply: str, **files: str) -> str:
    return refusal_of_texts(reply, _named(files))


def _named(files: dict[str, str]) -> dict[str, str]:
    """Files by path; two underscores in a keyword stand for the dot."""
    named = {name.replace("__", "."): text for name, text in files.items()}
    return named or {"shop.py": FILE}


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
def test_the_path_is_found_however_it_is_dressed(header):
    (edit,) = parse_edits(
        f"Words.\n\n{header}<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```\n"
    )
    assert edit.path == "a/b.py"
    assert variants(edit) == [(["x"], ["y"])]


def test_a_name_without_an_extension_is_a_path_and_a_word_of_prose_is_none():
    reply = block("x\n", "y\n", "Makefile") + block("x\n", "y\n", "Then")
    assert [edit.path for edit in parse_edits(reply)] == ["Makefile", "Makefile"]


def test_several_blocks_under_one_path_are_edits_of_that_file():
    reply = (
        block("x\n", "y\n", "a.py")
        + "\nThen this:\n```\n"
        + block("p\n", "q\n", "```").removeprefix("```\n")
    )
    assert [edit.path for edit in parse_edits(reply)] == ["a.py", "a.py"]


def test_a_block_that_names_no_file_is_refused():
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
        ("a.py\nx\n=======\ny\n>>>>>>> REPLACE\n", "where none is open"),
    ],
)
def test_a_broken_block_is_refused_and_the_reason_said(reply, why):
    with pytest.raises(EditFailed, match=why):
        parse_edits(reply)


def test_conflict_marks_without_our_words_are_content():
    conflict = "<<<<<<< HEAD\nx\n>>>>>>> branch\n"
    assert variants(parse_edits(block(conflict, "x\n"))[0]) == [
        (["<<<<<<< HEAD", "x", ">>>>>>> branch"], ["x"])
    ]


def test_a_block_indented_as_a_whole_is_moved_back():
    reply = (
        "1. `new.py`\n   <<<<<<< SEARCH\n   =======\n   def f():\n       pass\n   >>>>>>> REPLACE\n"
    )
    assert applied(reply, a__py="") == {"new.py": "def f():\n    pass\n"}


def test_prose_is_what_stands_outside_the_blocks():
    reply = "The sum was wrong.\n\n```python\n" + block("x\n", "y\n") + "```\n\nThat is all.\n"
    assert read_reply(reply).prose == "The sum was wrong.\n\nThat is all."


def test_a_heading_underlined_like_a_divider_is_found_in_the_file():
    docs = "Usage\n=======\n\nold words\n"
    reply = block("Usage\n=======\n\nold words\n", "Usage\n=======\n\nnew words\n", "docs.rst")
    assert applied(reply, docs__rst=docs) == {"docs.rst": "Usage\n=======\n\nnew words\n"}


def test_a_second_divider_that_underlines_nothing_is_refused():
    reply = block("import os\n", "import os\nimport collections\n=======\n")
    assert "more than one =======" in refusal(reply)


def test_exact_lines_are_replaced_and_nothing_else():
    reply = block("        return sum(items)\n", "        return sum(items) + taxed\n")
    assert applied(reply) == {"shop.py": FILE.replace("sum(items)", "sum(items) + taxed")}


def test_a_line_is_matched_whole():
    assert "not in the file" in refusal(block("return su\n", "return 0\n"))


def test_trailing_whitespace_is_ignored_and_untouched_lines_keep_theirs():
    assert applied(block("a\nb\n", "a\nc\n", "f.py"), f__py="a  \nb \n") == {"f.py": "a  \nc\n"}


def test_several_occurrences_are_refused_with_their_lines():
    assert "occurs 2 times (lines 1, 3)" in refusal(block("a\n", "b\n", "f.py"), f__py="a\nx\na\n")


def test_later_blocks_see_what_earlier_ones_wrote():
    reply = block("import os\n", "import sys\n") + block("import sys\n", "import json\n")
    assert applied(reply)["shop.py"].startswith("import json\n")


def test_one_block_that_does_not_apply_spoils_all():
    reply = block("import os\n", "import sys\n") + block("nowhere at all\n", "x\n")
    assert "Block 2 (shop.py)" in refusal(reply)


def test_indentation_missing_on_every_line_is_restored():
    reply = block(
        "taxed = 0\nreturn sum(items)\n", "taxed = 1\nif taxed:\n    return 0\nreturn sum(items)\n"
    )
    changed = (
        "        taxed = 1\n        if taxed:\n            return 0\n        return sum(items)\n"
    )
    assert applied(reply)["shop.py"] == FILE.replace(
        "        taxed = 0\n        return sum(items)\n", changed
    )


def test_indentation_too_much_on_every_line_is_taken_off():
    reply = block("    import os\n\n\n    class Shop:\n", "    import io\n\n\n    class Shop:\n")
    assert applied(reply)["shop.py"] == FILE.replace("import os", "import io")


def test_a_first_line_that_alone_lost_its_indentation_in_both_halves_gets_it_back():
    reply = block(
        "taxed = 0\n        return sum(items)\n", "taxed = 1\n        return sum(items) + taxed\n"
    )
    changed = "        taxed = 1\n        return sum(items) + taxed\n"
    assert applied(reply)["shop.py"] == FILE.replace(
        "        taxed = 0\n        return sum(items)\n", changed
    )


def test_a_first_line_that_lost_its_indentation_in_one_half_is_refused():
    said = refusal(
        block(
            "taxed = 0\n        return sum(items)\n",
            "        taxed = 1\n        return sum(items)\n",
        )
    )
    assert "first line's indentation" in said
    assert "        taxed = 0\n" in said


def test_one_searched_line_whose_replacement_can_be_indented_in_two_ways_is_decided_by_the_parser_alone():
    moved = "if items:\n    return 1\n"
    first = "taxed = 1\n        return sum(items)\n"
    assert (
        "        if items:\n            return 1\n"
        in applied(block("taxed = 0\n", moved))["shop.py"]
    )
    assert (
        "        taxed = 1\n        return sum(items)\n"
        in applied(block("return sum(items)\n", first))["shop.py"]
    )
    assert "not clear" in refusal(block("b\n", "x\n    y\n", "a.txt"), a__txt="a\n    b\n")


def test_one_searched_line_without_indentation_places_one_line():
    assert "        return 0\n" in applied(block("return sum(items)\n", "return 0\n"))["shop.py"]


def test_what_is_not_there_is_answered_with_the_nearest_lines():
    said = refusal(
        block(
            "    def total(self, things):\n        taxed = 0\n        return sum(things)\n", "x\n"
        )
    )
    assert "    def total(self, items):\n        taxed = 0\n        return sum(items)\n" in said
    assert len(refusal(block("x" * 50_000 + "\n", "y\n"))) < 1_000


def test_an_empty_search_makes_a_new_file():
    assert applied(block("", "a = 1\n", "pkg/new.py")) == {"pkg/new.py": "a = 1\n"}
    assert applied(block("", "", "pkg/__init__.py")) == {"pkg/__init__.py": ""}


def test_an_empty_search_does_not_overwrite_a_file():
    assert "exists and is not empty" in refusal(block("", "a = 1\n"))


def test_edits_that_change_nothing_are_refused():
    assert "change nothing" in refusal(block("import os\n", "import os\n"))


def test_line_ends_byte_order_mark_and_missing_final_newline_are_kept():
    text = "\ufeffa\r\nb\r\nc"
    assert applied(block("a\nb\n", "a\nx\ny\n", "f.py"), f__py=text) == {
        "f.py": "\ufeffa\r\nx\r\ny\r\nc"
    }
    assert applied(block("c\n", "d\ne\n", "f.py"), f__py=text) == {"f.py": "\ufeffa\r\nb\r\nd\r\ne"}


def test_a_reply_with_crlf_is_read_like_one_without():
    assert applied(block("import os\n", "import sys\n").replace("\n", "\r\n"))[
        "shop.py"
    ] == FILE.replace("os", "sys", 1)


def test_the_mark_for_lines_not_shown_is_never_written():
    reply = block("import os\n", "import os\n[... lines 2 to 40 are not shown ...]\n")
    assert "mark for lines that were not shown" in refusal(reply)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../x.py",
        "a/../../x.py",
        "a//b.py",
        ".git/config",
        "sub/.GIT/hooks/x",
        "git~1/config",
        ".github/workflows/ci.yml",
        ".GitHub/Workflows/ci.yml",
        "a\x07.py",
        "a\u200b.py",
        "C:/x.py",
        "a\\b.py",
        "~/x.py",
        "x" * 300,
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path):
    edit = Edit(1, path, Replace((SearchReplace((), ("x",)),)))
    with pytest.raises(EditFailed, match="refused"):
        apply_edits([edit], {}.get, (), POLICY.refusal)


def test_a_missing_path_is_answered_with_the_one_file_that_ends_so():
    files = {"src/shop/cart.py": "a\n", "src/other.py": "b\n"}
    for path in ("shop/cart.py", "repo/src/shop/cart.py"):
        with pytest.raises(EditFailed, match=re.escape("did you mean src/shop/cart.py?")):
            apply_to_texts(block("a\n", "b\n", path), files)


def test_content_that_is_no_text_is_refused():
    assert "no text file" in refusal(block("import os\n", "import \ud800\n"))
    assert "no text file" in refusal(block("import os\n", "import \0\n"))
