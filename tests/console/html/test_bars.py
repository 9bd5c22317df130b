"""Bars in proportion to amounts."""

from console.html.bars import MIN_WIDTH, WIDTH, compare_amounts


def test_the_largest_amount_has_the_whole_width() -> None:
    first, second, third = compare_amounts([("a", 4.0, "4"), ("b", 1.0, "1"), ("c", 0.0, "0")])
    assert first.bars[0].width == WIDTH
    assert second.bars[0].width == WIDTH / 4
    assert third.bars == ()


def test_a_small_amount_can_be_seen() -> None:
    small = compare_amounts([("a", 1_000_000.0, ""), ("b", 1.0, "")])[1]
    assert small.bars[0].width == MIN_WIDTH


def test_nothing_has_no_bars() -> None:
    assert compare_amounts([]) == ()
    assert compare_amounts([("a", 0.0, "0")])[0].bars == ()
