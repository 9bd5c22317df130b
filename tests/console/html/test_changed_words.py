"""The words that differ between two lines."""

import pytest

from console.html.changed_words import Part, compare_words


def changed(old: str, new: str) -> tuple[list[str], list[str]]:
    """Return the parts of both lines that are marked."""
    sides = []
    for line, parts in zip((old, new), compare_words(old, new), strict=True):
        assert "".join(part.text for part in parts) == line
        sides.append([part.text for part in parts if part.is_changed])
    old_marked, new_marked = sides
    return old_marked, new_marked


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ("return one", "return two", (["one"], ["two"])),
        ("a = f(x)", "a = f(x, y)", ([], [", y"])),
        ("f(a, same, b)", "f(c, same, d)", (["a", "b"], ["c", "d"])),
        ("x = 1", "x = 1  # why", ([], ["  # why"])),
        ("aa b", "aa b b", ([], [" b"])),
        ("same", "same", ([], [])),
    ],
)
def test_words_that_differ_are_marked(
    old: str, new: str, marked: tuple[list[str], list[str]]
) -> None:
    assert changed(old, new) == marked


def test_lines_with_little_in_common_are_not_marked() -> None:
    assert changed("import os", "return self._value + 1") == ([], [])


def test_a_short_change_in_a_long_line_is_marked() -> None:
    call = "f(" + "x, " * 100
    assert changed(f"{call}one)", f"{call}two)") == (["one"], ["two"])


def test_lines_that_would_take_long_to_compare_are_not_marked() -> None:
    old = "".join(".,;"[number * number % 3] for number in range(400))
    new = "".join(".,;"[number % 3] for number in range(400))
    assert compare_words(old, new) == ((Part(old),), (Part(new),))
