"""The examples in Python's docstrings as a part of a change."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.testing.docstring_examples import runs_examples, take_over_docstrings
from repository.testing.models import Status, TestReport

OLD = '''"""Sums."""

SEPARATOR = "\\f"


class Cart:
    @property
    def total(self):
        return 1 - 2

    async def share(self):
        """Return a share.

        >>> 1
        1
        """
        return 3


def add(a, b): return a - b
'''
EXAMPLE = '''"""Return it.

        >>> Cart().total
        3
        """
'''
EXAMPLE = '''        """Return it.

        >>> Cart().total
        3
        """
'''
NEW = (
    OLD.replace("1 - 2", "1 + 2")
    .replace("        return 1", f"{EXAMPLE}        return 1")
    .replace(">>> 1\n        1", ">>> 2\n        2")
)


def test_examples_are_taken_over_and_nothing_else() -> None:
    assert take_over_docstrings(OLD, NEW) == NEW.replace("1 + 2", "1 - 2")


@pytest.mark.parametrize(
    "new",
    [
        OLD.replace("1 - 2", "1 + 2"),
        OLD.replace("return a - b", "'''>>> add(1, 2)\\n3'''; return a + b"),
        OLD + 'def new():\n    """>>> new()"""\n',
        "def (",
    ],
)
def test_without_a_changed_example_that_the_old_source_can_have_there_is_none(new: str) -> None:
    assert take_over_docstrings(OLD, new) is None


@given(
    st.lists(st.sampled_from(["def f():\n", "class C:\n", "    ", '"""', ">>> 1", "\n", "\f", "é"]))
)
def test_no_source_breaks_it(parts: list[str]) -> None:
    old = 'def f():\n    return 1\n\n\nclass C:\n    """C."""\n'
    source = take_over_docstrings(old, "".join(parts))
    if source is not None:
        ast.parse(source)


def make_report(test: str) -> TestReport:
    results: dict[str, Status] = {test: "passed"}
    return TestReport(results=results, completed=True, failures={}, seconds=1.0, log_key="log")


def test_results_of_examples_are_known_by_their_names() -> None:
    assert runs_examples(make_report("shop.cart::shop.cart.Cart.total"))
    assert runs_examples(make_report("shop.cart::shop.cart"))
    assert not runs_examples(make_report("tests.test_cart::test_total"))
    assert not runs_examples(make_report("::tests.test_cart"))
