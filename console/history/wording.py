"""Statistics as people read them."""

from console.history.statistics import Grouping, GroupStatistics, Share
from prompts.filters import one_line

#: Digits of a hash that name a template set, as pull requests quote it.
_HASH_DIGITS = 12


def describe_share(share: Share) -> str:
    """Return ``61 % [46, 74]``: the share and its 95 % interval, in per cent."""
    if share.share is None:
        return "-"
    low, high = share.interval
    return f"{share.share * 100:.0f} % [{low * 100:.0f}, {high * 100:.0f}]"


def describe_group(group: GroupStatistics, grouping: Grouping) -> str:
    """Return the name of a group, without control characters."""
    if group.group is None:
        return "(none)"
    name = one_line(group.group)
    return name[:_HASH_DIGITS] if grouping == "template" else name


def shorten(text: str, length: int) -> str:
    """Return the text without its middle if it is longer than ``length`` characters."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    head = length - 1 - tail
    return f"{text[:head]}…{text[-tail:]}"
