"""When something counts as a repetition."""

import pytest

from pipeline.repetition import is_repeating


@pytest.mark.parametrize("items", ["aaa", "baaa", "ababab", "cbababa"])
def test_the_same_item_or_two_in_turn_are_a_repetition(items: str) -> None:
    assert is_repeating(items, 3)


@pytest.mark.parametrize("items", ["", "aa", "aaab", "ababa", "abcabcabc"])
def test_anything_else_is_none(items: str) -> None:
    assert not is_repeating(items, 3)


def test_an_empty_item_repeats_nothing() -> None:
    assert not is_repeating([(), (), ()], 3)
