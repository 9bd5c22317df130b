"""Detect repetition among the rounds of a run or the steps of an agent."""

from collections.abc import Hashable, Sequence


def is_repeating(items: Sequence[Hashable], times: int) -> bool:
    """Return whether the last item occurs ``times`` times in a row, or the last two alternate as
    often.

    Empty items do not count. Modelled on OpenHands' stuck detector.
    """
    return any(_ends_with_repetition(items, length, times) for length in (1, 2))


def _ends_with_repetition(items: Sequence[Hashable], length: int, times: int) -> bool:
    last = list(items[-length * times :])
    return bool(last) and all(last) and last == last[:length] * times
