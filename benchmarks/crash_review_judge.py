"""The verdict on the answers to reviews in the crash benchmark with real stages."""

from collections import Counter
from collections.abc import Iterator

from benchmarks.crash_evidence import Evidence
from benchmarks.crash_judge import Problem
from benchmarks.crash_real_plan import REVIEWER, Plan, Review

REVIEW_DEFECTS = ("replied_twice", "lost_commits")
#: Commits of a reviewed pull request: the fix, and one follow-up.
COMMITS = 2


def judge_review(plan: Plan, review: Review, evidence: Evidence) -> Iterator[Problem]:
    """Check that a review has one further commit, and each of its comments one reply."""
    commits = evidence.subjects(plan)
    if len(commits) != COMMITS:
        yield Problem("lost_commits", f"its branch has {len(commits)} commits: {commits}")
    replies = _count_replies(review, evidence)
    for comment in review.comments:
        count = replies[comment]
        if count > 1:
            yield Problem("replied_twice", f"comment {comment} has {count} replies")
        if count == 0:
            yield Problem("wrong_outcomes", f"comment {comment} has no reply")


def _count_replies(review: Review, evidence: Evidence) -> Counter[int]:
    """Count the replies of others than the reviewer, by the first comment of their thread."""
    replies: Counter[int] = Counter()
    for comment in evidence.github.reviews.line_comments(review.repository, review.pull):
        if comment.author != REVIEWER and comment.in_reply_to is not None:
            replies[comment.in_reply_to] += 1
    return replies
