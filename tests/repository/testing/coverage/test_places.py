"""What must run for a change to be covered."""

import pytest

from repository.testing.coverage.places import MAX_PLACES, changed_places

CODE = '''"""Prices."""

RATE = 2


def price(x):
    """Return the price."""
    if x > 10:
        return x * RATE

    return x


class Cart:
    def total(self):
        return sum(
            self.items,
        )
'''


def lines_to_run(old: str | None, new: str) -> list[list[int]]:
    before = None if old is None else old.encode()
    return [sorted(place.lines) for place in changed_places("shop.py", before, new.encode())]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("x * RATE", "x * RATE + 1", [[9]]),
        ("x > 10", "x > 11", [[8]]),
        ("RATE = 2", "RATE = 3", [[3]]),
        ("self.items,", "self.goods,", [[16, 17, 18]]),
        # A function's first line runs when its module is loaded, so one of its body counts.
        ("def price(x):", "def price(x, y=1):", [[8, 9, 11]]),
        ("class Cart:", "class Cart(list):", [[14]]),
        ("    return x\n", "    return x\n\n\ndef new():\n    pass\n", [[15]]),
    ],
)
def test_a_changed_statement_is_covered_by_its_own_lines(
    old: str, new: str, lines: list[list[int]]
) -> None:
    assert lines_to_run(CODE, CODE.replace(old, new)) == lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n    return x\n", "\n    # why\n\n    return x\n"),
        ("Return the price.", "Return the price of x."),
        ("\n\n\nclass", "\n\n\n\nclass"),
    ],
)
def test_comments_docstrings_and_blank_lines_need_no_test(old: str, new: str) -> None:
    assert lines_to_run(CODE, CODE.replace(old, new)) == []


def test_where_code_was_removed_the_statement_before_it_must_run() -> None:
    assert lines_to_run(CODE, CODE.replace("        return x * RATE\n", "        pass\n")) == [[9]]
    assert lines_to_run("def f(x):\n    a = 1\n    b = 2\n", "def f(x):\n    a = 1\n") == [[2]]


@pytest.mark.parametrize("put", ["", "        # return x * RATE\n", "        # why\n\n"])
def test_code_that_is_removed_beside_a_comment_or_commented_out_counts(put: str) -> None:
    removed = CODE.replace("        return x * RATE\n", f"        pass\n{put}")
    old = removed.replace("        pass\n", "        pass\n        # why\n        return 1\n")
    assert lines_to_run(old, removed) == [[9]]


def test_a_file_without_its_code_must_be_loaded() -> None:
    assert lines_to_run("x = 1\n", "") == [[]]
    assert lines_to_run("x = 1\n", "# x = 1\n") == [[]]


def test_each_statement_of_a_new_file_is_a_place() -> None:
    assert lines_to_run(None, "import os\n\nX = 1\n") == [[1], [3]]


def test_a_clause_is_covered_by_the_statement_that_follows() -> None:
    old = "try:\n    a()\nexcept KeyError:\n    b()\n"
    assert lines_to_run(old, old.replace("KeyError", "ValueError")) == [[3, 4]]


def test_a_file_that_does_not_parse_must_be_loaded() -> None:
    assert lines_to_run(None, "print 'x'\n") == [[]]


def test_each_line_of_code_in_another_language_is_a_place() -> None:
    places = changed_places("cart.go", b"a\n", b"a\n\n// why\nb\nc\n")
    assert [place.lines for place in places] == [{4}, {5}]
    places = changed_places("cart.go", b"", b"/*\n * why\n */\n*price = 2\n")
    assert [place.line for place in places] == [4]


def test_a_large_change_is_as_many_places_as_say_something() -> None:
    assert len(changed_places("cart.go", b"", b"x\n" * 9_000)) == MAX_PLACES


def test_a_large_file_is_one_place() -> None:
    places = changed_places("data.py", None, b"x = 1\n" * 200_000)
    assert [place.lines for place in places] == [frozenset()]
