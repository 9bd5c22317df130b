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
    for pair in pairwise(ordered):
        enough = _common_length(*pair) + 1
        for job_id in pair:
            lengths[job_id] = max(lengths[job_id], enough)
    short_ids = {}
    for job_id, length in lengths.items():
        short_ids[job_id] = job_id[:length]
    return short_ids


def shorten_issue(issue: str, width: int) -> str:
    """Cut ``OWNER/REPO#NUMBER`` to a width: the number is kept, with the beginning of the name."""
    name, _, number = issue.rpartition("#")
    ending = f"…#{number}"
    return name[: max(width - len(ending), 0)] + ending


def _common_length(first: str, second: str) -> int:
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length
