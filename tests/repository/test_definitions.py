"""Finding the definition of a name in source code."""

import re

import pytest

from repository.definitions import (
    LineRange,
    defined_names,
    definition_at,
    find_definitions,
    grep_pattern,
)

PYTHON = """\
class Cart:
    @property
    def total(self):
        def rounded():
            return 0
        return rounded()

def total():
    return 1
"""


@pytest.mark.parametrize(
    ("line", "name", "column", "is_container"),
    [
        ("class Cart:", "Cart", 0, True),
        ("    async def total(self):", "total", 4, False),
        ("\tpub fn total() {", "total", 8, False),
        ("export default function total() {", "total", 0, False),
        ("impl Cart {", "Cart", 0, True),
    ],
)
def test_definition_is_read_from_its_first_line(
    line: str, name: str, column: int, is_container: bool
) -> None:
    definition = definition_at(line)
    assert definition is not None
    assert (definition.name, definition.column) == (name, column)
    assert definition.is_container is is_container


@pytest.mark.parametrize("line", ["total = 1", "return cart", "# class Cart", "classes = ()", ""])
def test_other_lines_define_nothing(line: str) -> None:
    assert definition_at(line) is None


def test_names_are_those_of_all_classes_and_functions() -> None:
    assert defined_names(PYTHON) == {"Cart", "total", "rounded"}


@pytest.mark.parametrize(
    ("name", "ranges"),
    [
        ("total", [LineRange(3, 6), LineRange(8, 9)]),
        ("Cart.total", [LineRange(3, 6)]),
        ("Cart", [LineRange(1, 6)]),
        ("rounded", [LineRange(4, 5)]),
        ("tal", []),
    ],
)
def test_python_definitions_are_found_by_plain_and_dotted_names(
    name: str, ranges: list[LineRange]
) -> None:
    assert find_definitions("cart.py", PYTHON.splitlines(), name) == ranges


def test_without_syntax_the_definition_is_the_first_mention_and_the_lines_below() -> None:
    lines = ["", "func total() {", *["}"] * 100]
    assert find_definitions("cart.go", lines, "Cart.total") == [LineRange(2, 42)]
    assert find_definitions("broken.py", ["def total(:"], "total") == [LineRange(1, 1)]
    assert find_definitions("cart.go", lines, "missing") == []


def test_grep_pattern_matches_only_lines_that_define_the_whole_name() -> None:
    python_syntax = grep_pattern("total").replace("[:alnum:]", "A-Za-z0-9")
    pattern = re.compile(python_syntax.replace("[[:space:]]", r"\s"))
    assert pattern.search("  def total(self):")
    assert pattern.search("const total = 1")
    assert not pattern.search("def total_price(self):")
    assert not pattern.search("return total")
