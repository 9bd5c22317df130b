"""Which remarks on a pull request are answered: people with write access address them to us."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.github.conversation import Discussion, Remark, SubmittedReview, Thread
from pipeline.github.mentions import mentions
from repository.counts import count
from repository.issue_text import HiddenParts, render_text
from stages.address_review.replies import find_answered, is_reply
from stages.address_review.review import RemarkToAnswer
from stages.propose_patch import ReviewComment

#: Remarks that one run answers, the oldest first. The next run answers the others.
MAX_REMARKS = 20
#: States of reviews whose text asks for something.
_ASKING = ("CHANGES_REQUESTED", "COMMENTED")


@dataclass(frozen=True)
class Selection:
    """The remarks to answer, and how many others there are."""

    remarks: tuple[RemarkToAnswer, ...]
    omitted: tuple[str, ...]
    """Descriptions of the others, such as ``2 comments by bots``."""


@dataclass(frozen=True)
class RemarkRules:
    """Decides which remarks are answered."""

    own_login: str
    request: str
    """The job's: the key of a remark that is answered although it does not mention us."""
    may_write: Callable[[str], bool]
    """Whether an account may write to the repository; may block."""

    def select(self, discussion: Discussion) -> Selection:
        """Return the unanswered remarks, oldest first, as a reader of the page sees them.

        Comments on the diff, and reviews with a text that do not approve, are for the pull
        request's author, so they are answered. Comments below the pull request may be for
        anybody: of these, and of approvals, only those that mention us are answered.
        """
        collected = _Collected()
        answered = find_answered(discussion, self.own_login)
        for remark, thread in _in_order(discussion):
            if remark.key in answered or not self._is_for_us(remark, thread):
                continue
            reason = self._reason_to_omit(remark)
            if reason is None:
                collected.add(remark, thread)
            else:
                collected.omitted[reason] += 1
        if not discussion.is_complete:
            collected.are_some_unread = True
        return collected.selection()

    def _is_for_us(self, remark: Remark, thread: Thread | None) -> bool:
        if remark.author.lower() == self.own_login.lower() or not remark.body.strip():
            return False
        if thread is not None:
            return not thread.is_resolved
        if isinstance(remark, SubmittedReview) and remark.state in _ASKING:
            return True
        return remark.key == self.request or mentions(remark.body, self.own_login)

    def _reason_to_omit(self, remark: Remark) -> str | None:
        """Return why a remark is not answered, as words that follow "comments"; None if it is."""
        # Two agents that answer each other would never end.
        if remark.is_bot or is_reply(remark):
            return "by bots"
        if not self.may_write(remark.author):
            return "by people without write access"
        return None


@dataclass
class _Collected:
    """The selection so far."""

    remarks: list[RemarkToAnswer] = field(default_factory=list)
    omitted: Counter[str] = field(default_factory=Counter)
    are_some_unread: bool = False
    """Whether there are older remarks than were read."""

    def add(self, remark: Remark, thread: Thread | None) -> None:
        if len(self.remarks) >= MAX_REMARKS:
            self.omitted["that the next follow-up answers"] += 1
            return
        name = f"C{len(self.remarks) + 1}"
        comment = ReviewComment(
            name=name,
            author=remark.author,
            path=thread.path if thread is not None else None,
            place=describe_place(thread) if thread is not None else None,
            hunk=thread.diff_hunk if thread is not None else None,
            body=render_text(remark.body, HiddenParts()),
        )
        thread_id = thread.id if thread is not None else None
        self.remarks.append(RemarkToAnswer(key=remark.key, thread_id=thread_id, comment=comment))

    def selection(self) -> Selection:
        omitted: list[str] = []
        for reason, number in self.omitted.items():
            omitted.append(f"{count(number, 'comment')} {reason}")
        if self.are_some_unread:
            omitted.append("older comments, of which there are too many to be read")
        return Selection(tuple(self.remarks), tuple(omitted))


def _in_order(discussion: Discussion) -> list[tuple[Remark, Thread | None]]:
    """Return all remarks, each with its thread if it is on the diff, oldest first."""
    remarks: list[tuple[Remark, Thread | None]] = []
    remarks += [(review, None) for review in discussion.reviews]
    remarks += [(comment, None) for comment in discussion.comments]
    for thread in discussion.threads:
        remarks += [(comment, thread) for comment in thread.comments]
    return sorted(remarks, key=lambda pair: (pair[0].created_at, pair[0].key))


def describe_place(thread: Thread) -> str | None:
    """Return the lines that a thread is about, in words; None if it is about the whole file."""
    if thread.line is None:
        return None
    place = f"line {thread.line}"
    if thread.start_line is not None:
        place = f"lines {thread.start_line} to {thread.line}"
    if thread.is_on_old_side:
        place += " of the base"
    if thread.is_outdated:
        place += ", of an older version"
    return place
