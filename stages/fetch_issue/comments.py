"""Which comments of an issue are shown to the model: those of people who may instruct it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pipeline.github import GHOST, Comment, IssueSnapshot, progress_comment
from repository.counts import count

MAX_SHOWN = 20
"""Comments in a prompt: the newest ones."""


@dataclass(frozen=True)
class Selection:
    """The comments that are shown, and how many others there are."""

    shown: tuple[Comment, ...]
    """Oldest first."""
    omitted: tuple[str, ...]
    """Descriptions of the others, such as ``3 comments by bots``."""


def select_comments(
    snapshot: IssueSnapshot, associations: Collection[str], requested_at: datetime | None
) -> Selection:
    """Select the newest comments of people who may instruct the model.

    GitHub shows times in whole seconds, so a comment of the very second of the request is shown.

    Args:
        associations: GitHub's names for the roles whose comments are shown. The issue's author is
            always heard. A bot is not, because it repeats what strangers write.
        requested_at: Comments made or edited later are left out.
    """
    shown: list[Comment] = []
    reasons: Counter[str] = Counter()
    for comment in snapshot.comments:
        reason = _reason_to_omit(comment, snapshot.author, associations, requested_at)
        if reason is None:
            shown.append(comment)
        else:
            reasons[reason] += 1
    omitted = [f"{count(number, 'comment')} {reason}" for reason, number in reasons.items()]
    older = max(len(shown) - MAX_SHOWN, 0)
    if older:
        omitted.append(count(older, "older comment"))
    if snapshot.unread_comments:
        omitted.append(f"{count(snapshot.unread_comments, 'older comment')} by anyone")
    return Selection(tuple(shown[older:]), tuple(omitted))


def _reason_to_omit(
    comment: Comment, author: str, associations: Collection[str], requested_at: datetime | None
) -> str | None:
    """Return why a comment is not shown, as words that follow "comments"; None if it is shown."""
    if comment.body.startswith(progress_comment.MARKER):
        return "about the progress of a run"
    is_authors = comment.author == author != GHOST
    if comment.is_bot and not is_authors:
        return "by bots"
    if not is_authors and comment.association not in associations:
        return "by people without write access"
    if requested_at is None:
        return None
    if comment.created_at > requested_at:
        return "made after the request"
    if comment.updated_at > requested_at:
        return "edited after the request"
    return None
