"""Applying edits to texts: all edits or none, and nothing else changes."""

import re
from collections.abc import Mapping

import pytest

from repository.edits.apply import apply_edits
from repository.edits.model import Edit, EditFailed, Replace, SearchReplace
from tests.repository.edits import applying
from tests.repository.edits.applying import POLICY, apply_to_texts, refusal_of_texts

FILE = "import os\n\n\ndef total(items):\n    return sum(items)\n"
SHOP = {"shop.py": FILE}


def block(search: str, replacement: str, path: str = "shop.py") -> str:
    return applying.block(path, search, replacement)


def applied(reply: str, files: Mapping[str, str] = SHOP) -> dict[str, str | None]:
    return apply_to_texts(reply, files)


def refusal(reply: str, files: Mapping[str, str] = SHOP) -> str:
    return refusal_of_texts(reply, files)


def test_later_blocks_see_earlier_ones():
    reply = block("import os\n", "import sys\n") + block("import sys\n", "import json\n")
    assert applied(reply)["shop.py"].startswith("import json\n")


def test_one_block_that_does_not_apply_makes_all_refused():
    reply = block("import os\n", "import sys\n") + block("nowhere at all\n", "x\n")
    assert "Block 2 (`shop.py`)" in refusal(reply)


def test_a_refusal_names_every_block_that_does_not_apply():
    reply = block("import os\n", "import sys\n") + block("nowhere\n", "x\n") + block("no\n", "x\n")
    message = refusal(reply)
    assert "Block 2 (`shop.py`)" in message
    assert "Block 3 (`shop.py`)" in message
    assert "The other 1 would apply" in message


def test_an_empty_search_creates_a_new_file():
    assert applied(block("", "a = 1\n", "pkg/new.py")) == {"pkg/new.py": "a = 1\n"}
    assert applied(block("", "", "pkg/__init__.py")) == {"pkg/__init__.py": ""}


def test_an_empty_search_does_not_overwrite_a_file():
    assert "exists and is not empty" in refusal(block("", "a = 1\n"))


@pytest.mark.parametrize("replacement", ["", "\n"])
def test_a_file_is_emptied_only_by_a_deletion_or_where_its_presence_counts(replacement):
    files = {"old.py": "x = 1\n", "pkg/__init__.py": "x = 1\n"}
    message = refusal(block("x = 1\n", replacement, "old.py"), files)
    assert "write a line of its own instead: *** Delete File: old.py" in message
    assert applied(block("x = 1\n", "", "pkg/__init__.py"), files) == {"pkg/__init__.py": ""}
    refilled = block("x = 1\n", "", "old.py") + block("", "y = 2\n", "old.py")
    assert applied(refilled, files) == {"old.py": "y = 2\n"}


def test_edits_that_change_nothing_are_refused():
    assert "change nothing" in refusal(block("import os\n", "import os\n"))


def test_line_endings_byte_order_mark_and_missing_final_newline_are_kept():
    text = "\ufeffa\r\nb\r\nc"
    assert applied(block("a\nb\n", "a\nx\ny\n", "f.py"), {"f.py": text}) == {
        "f.py": "\ufeffa\r\nx\r\ny\r\nc"
    }
    assert applied(block("c\n", "d\ne\n", "f.py"), {"f.py": text}) == {
        "f.py": "\ufeffa\r\nb\r\nd\r\ne"
    }


def test_a_reply_with_crlf_is_read_like_one_without():
    assert applied(block("import os\n", "import sys\n").replace("\n", "\r\n"))[
        "shop.py"
    ] == FILE.replace("os", "sys", 1)


def test_a_marker_for_omitted_lines_is_not_written():
    reply = block("import os\n", "import os\n[... lines 2 to 40 are not shown ...]\n")
    assert "marker for lines that were not shown" in refusal(reply)


def test_a_comment_in_place_of_code_is_not_written():
    reply = block("import os\n", "# ... existing code ...\nimport sys\n")
    assert "leaves code out" in refusal(reply)


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
def test_a_path_out_of_the_repository_is_refused(path):
    edit = Edit(1, path, Replace((SearchReplace((), ("x",)),)))
    with pytest.raises(EditFailed, match="refused"):
        apply_edits([edit], {}.get, (), POLICY.refusal)


def test_a_missing_path_suggests_the_only_file_with_the_same_end():
    files = {"src/shop/cart.py": "a\n", "src/other.py": "b\n"}
    for path in ("shop/cart.py", "repo/src/shop/cart.py"):
        with pytest.raises(EditFailed, match=re.escape("did you mean `src/shop/cart.py`?")):
            apply_to_texts(block("a\n", "b\n", path), files)


def test_content_that_is_not_text_is_refused():
    assert "can't be in a text file" in refusal(block("import os\n", "import \ud800\n"))
    assert "can't be in a text file" in refusal(block("import os\n", "import \0\n"))
