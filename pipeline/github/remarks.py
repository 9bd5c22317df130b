"""GitHub's rows of reviews and comments as a Discussion."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.github import GHOST
from pipeline.github.conversation import LineComment, PullComment, SubmittedReview, Thread
from pipeline.github.listing import Row


@dataclass(frozen=True)
class ThreadState:
    """What REST does not say of a thread."""

    is_resolved: bool
    is_outdated: bool


#: Of a thread that GraphQL does not list, because it has just been started.
_NEW = ThreadState(is_resolved=False, is_outdated=False)


def read_comments(rows: Iterable[Row]) -> tuple[PullComment, ...]:
    comments = [PullComment(**_common(row)) for row in rows]
    return tuple(sorted(comments, key=_age))


def read_reviews(rows: Iterable[Row]) -> tuple[SubmittedReview, ...]:
    """Return the reviews that have been submitted: an author's own pending ones are left out."""
    reviews: list[SubmittedReview] = []
    for row in rows:
        if row["state"] == "PENDING":
            continue
        common = _common({**row, "created_at": row["submitted_at"]})
        reviews.append(SubmittedReview(**common, state=row["state"]))
    return tuple(sorted(reviews, key=_age))


def read_threads(rows: Iterable[Row], states: Mapping[int, ThreadState]) -> tuple[Thread, ...]:
    """Group comments on lines by their threads, which are in the order of their oldest comments.

    Args:
        states: of each thread, by the id of its first comment. That may be a reply, if the comment
            that started the thread was deleted.
    """
    by_thread: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row["created_at"], row["id"])):
        first = row.get("in_reply_to_id") or row["id"]
        by_thread.setdefault(first, []).append(row)
    threads: list[Thread] = []
    for first, rows_of_thread in by_thread.items():
        threads.append(_thread(first, rows_of_thread, _state(first, rows_of_thread, states)))
    return tuple(threads)


def _state(first: int, rows: Sequence[Row], states: Mapping[int, ThreadState]) -> ThreadState:
    for comment_id in (first, *(row["id"] for row in rows)):
        if comment_id in states:
            return states[comment_id]
    return _NEW


def _thread(first: int, rows: list[Row], state: ThreadState) -> Thread:
    place = rows[0]
    line = place.get("line") or place.get("original_line")
    start_line = place.get("start_line") or place.get("original_start_line")
    if place.get("subject_type") == "file":
        line = None
        start_line = None
    comments = [LineComment(**_common(row)) for row in rows]
    return Thread(
        id=first,
        path=place["path"],
        start_line=start_line,
        line=line,
        is_on_old_side=place.get("side") == "LEFT",
        diff_hunk=place["diff_hunk"],
        is_outdated=state.is_outdated,
        is_resolved=state.is_resolved,
        comments=tuple(comments),
    )


def _common(row: Row) -> dict[str, Any]:
    """Return the fields that all remarks have."""
    user = row["user"]
    return {
        "id": row["id"],
        "url": row["html_url"],
        "author": user["login"] if user else GHOST,
        "is_bot": bool(user) and user["type"] == "Bot",
        "body": row["body"] or "",
        "created_at": row["created_at"],
    }


def _age(remark: PullComment | SubmittedReview) -> tuple[datetime, int]:
    return remark.created_at, remark.id
