"""GitHub's rows of comments on lines, grouped by threads."""

from pipeline.github.listing import Row
from pipeline.github.remarks import ThreadState, read_threads


def row(comment_id: int, in_reply_to: int | None = None) -> Row:
    return {
        "id": comment_id,
        "in_reply_to_id": in_reply_to,
        "html_url": f"https://github.com/octo/repo/pull/7#discussion_r{comment_id}",
        "user": {"login": "ada", "type": "User"},
        "body": "Why?",
        "created_at": "2026-01-01T00:00:00Z",
        "path": "a.py",
        "line": 1,
        "side": "RIGHT",
        "diff_hunk": "@@ -1 +1 @@",
    }


def test_a_thread_whose_first_comment_was_deleted_keeps_its_state() -> None:
    states = {2: ThreadState(is_resolved=True, is_outdated=False)}
    (thread,) = read_threads([row(2, in_reply_to=1), row(3, in_reply_to=1)], states)
    assert thread.is_resolved
    assert [comment.id for comment in thread.comments] == [2, 3]


def test_a_thread_that_has_just_been_started_is_open() -> None:
    (thread,) = read_threads([row(4)], {})
    assert not thread.is_resolved
