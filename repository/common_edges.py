"""Count the items that are equal at the beginning and at the end of two sequences."""

from collections.abc import Sequence


def common_head(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of equal items at the beginning of both."""
    count = 0
    for item, counterpart in zip(one, other, strict=False):
        if item != counterpart:
            break
        count += 1
    return count


def common_tail(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of equal items at the end of both."""
    return common_head(one[::-1], other[::-1])


def common_edges(one: Sequence[str], other: Sequence[str]) -> tuple[int, int]:
    """Return the numbers of equal items at the beginning, and at the end of the rest."""
    head = common_head(one, other)
    tail = common_tail(one[head:], other[head:])
    return head, tail
