"""The steps by which an edit's lines are located, and when they are refused."""

from collections.abc import Mapping

from tests.repository.edits import applying
from tests.repository.edits.applying import apply_to_texts, refusal_of_texts

FILE = """\
import os


class Shop:
    def total(self, items):
        taxed = 0
        return sum(items)

    def count(self, items):
        return len(items)
"""
SHOP = {"shop.py": FILE}


def block(search: str, replacement: str, path: str = "shop.py") -> str:
    return applying.block(path, search, replacement)


def applied(reply: str, files: Mapping[str, str] = SHOP) -> dict[str, str | None]:
    return apply_to_texts(reply, files)


def refusal(reply: str, files: Mapping[str, str] = SHOP) -> str:
    return refusal_of_texts(reply, files)


def test_exact_lines_are_replaced():
    reply = block("        return sum(items)\n", "        return sum(items) + taxed\n")
    assert applied(reply) == {"shop.py": FILE.replace("sum(items)", "sum(items) + taxed")}


def test_a_part_of_a_line_does_not_match():
    assert "not in the file" in refusal(block("return su\n", "return 0\n"))


def test_trailing_whitespace_is_ignored_and_kept():
    assert applied(block("a\nb\n", "a\nc\n", "f.py"), {"f.py": "a  \nb \n"}) == {"f.py": "a  \nc\n"}


def test_several_matches_are_refused_with_their_lines():
    assert "occurs 2 times (lines 1, 3)" in refusal(
        block("a\n", "b\n", "f.py"), {"f.py": "a\nx\na\n"}
    )


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


def test_excess_indentation_on_every_line_is_removed():
    reply = block("    import os\n\n\n    class Shop:\n", "    import io\n\n\n    class Shop:\n")
    assert applied(reply)["shop.py"] == FILE.replace("import os", "import io")


def test_indentation_that_both_first_lines_lost_is_restored():
    reply = block(
        "taxed = 0\n        return sum(items)\n", "taxed = 1\n        return sum(items) + taxed\n"
    )
    changed = "        taxed = 1\n        return sum(items) + taxed\n"
    assert applied(reply)["shop.py"] == FILE.replace(
        "        taxed = 0\n        return sum(items)\n", changed
    )


def test_indentation_that_one_first_line_lost_is_refused():
    message = refusal(
        block(
            "taxed = 0\n        return sum(items)\n",
            "        taxed = 1\n        return sum(items)\n",
        )
    )
    assert "first line's indentation" in message
    assert "        taxed = 0\n" in message


def test_the_parser_decides_between_two_indentations():
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
    assert "not clear" in refusal(block("b\n", "x\n    y\n", "a.txt"), {"a.txt": "a\n    b\n"})


def test_one_line_without_indentation_is_located():
    assert "        return 0\n" in applied(block("return sum(items)\n", "return 0\n"))["shop.py"]


def test_a_refusal_shows_the_nearest_lines():
    message = refusal(
        block(
            "    def total(self, things):\n        taxed = 0\n        return sum(things)\n", "x\n"
        )
    )
    assert "    def total(self, items):\n        taxed = 0\n        return sum(items)\n" in message
    assert len(refusal(block("x" * 50_000 + "\n", "y\n"))) < 1_000


def test_blank_lines_away_from_changes_are_ignored():
    spaced = "a = 1\n\nb = 2\nc = 3\n"
    reply = (
        "s.py\n<<<<<<< SEARCH\n\na = 1\nb = 2\nc = 3\n=======\n\na = 1\nb = 2\nc = 4\n>>>>>>>"
        " REPLACE\n"
    )
    assert applied(reply, {"s.py": spaced}) == {"s.py": spaced.replace("c = 3", "c = 4")}


def test_an_elision_across_blocks_is_refused():
    text = "def f():\n    a = 1\n    return a\n\n\ndef g():\n    return 2\n"
    reply = block("    a = 1\n...\n    return 2\n", "    a = 3\n...\n    return 2\n", "m.py")
    assert "not in the file" in refusal(reply, {"m.py": text})


def test_an_elision_between_repeated_parts_is_refused():
    text = "def f():\n    pass\n    pass\n"
    reply = block("def f():\n...\n    pass\n", "def h():\n...\n    pass\n", "m.py")
    assert "not in the file" in refusal(reply, {"m.py": text})


def test_a_blank_line_beside_a_change_is_not_ignored():
    text = "def f():\n    a = 1\n"
    reply = block("\ndef f():\n\n    a = 1\n", "\ndef f():\n\n    a = 3\n", "m.py")
    assert "not in the file" in refusal(reply, {"m.py": text})
