"""Short names of jobs and issues, as lists show them."""

from collections.abc import Collection
from itertools import pairwise

#: Characters that almost always differ between derived ids, which are UUIDs.
LENGTH = 8


def shorten_ids(job_ids: Collection[str]) -> dict[str, str]:
    """Return the shortest beginning of each id, of at least ``LENGTH`` characters, that no other of
    these ids begins with.
    """
    ordered = sorted(set(job_ids))
    lengths = dict.fromkeys(ordered, LENGTH)
    for first, second in pairwise(ordered):
        enough = _common_length(first, second) + 1
        lengths[first] = max(lengths[first], enough)
        lengths[second] = max(lengths[second], enough)
    return {job_id: job_id[:length] for job_id, length in lengths.items()}


def shorten_issue(issue: str, width: int) -> str:
    """Cut ``OWNER/REPO#NUMBER`` to a width: the number is kept, with the beginning of the name."""
    name, _, number = issue.rpartition("#")
    ending = f"…#{number}"
    return name[: max(width - len(ending), 0)] + ending


def _common_length(first: str, second: str) -> int:
    for length, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return length
    return min(len(first), len(second))
