"""Lines that begin a definition."""

import pytest

from repository.definitions import defined_names, definition_at

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
