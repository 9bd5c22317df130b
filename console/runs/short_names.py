"""Short names of jobs and issues, as lists show them."""

from collections.abc import Collection

#: Characters that almost always differ between derived ids, which are UUIDs.
LENGTH = 8


def shorten_ids(job_ids: Collection[str]) -> dict[str, str]:
    """Return the shortest beginning of each id, of at least ``LENGTH`` characters, that no other of
    these ids begins with.
    """
    ordered = sorted(set(job_ids))
    shortened = {}
    for index, job_id in enumerate(ordered):
        neighbours = (*ordered[max(index - 1, 0) : index], *ordered[index + 1 : index + 2])
        length = LENGTH
        for neighbour in neighbours:
            length = max(length, _common_length(job_id, neighbour) + 1)
        shortened[job_id] = job_id[:length]
    return shortened


def shorten_issue(issue: str, width: int) -> str:
    """Cut ``OWNER/REPO#NUMBER`` to a width: the number is kept, with the beginning of the name."""
    name, _, number = issue.rpartition("#")
    ending = f"…#{number}"
    return name[: max(width - len(ending), 0)] + ending


def _common_length(one: str, other: str) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length
