"""The stage ``fetch_issue`` of a follow-up: the issue as it was read for the fix.

The conversation is about that text, whatever the issue says now.
"""

import asyncio

from pipeline.outcome import Outcome
from pipeline.pull_history import PullHistory
from pipeline.stage import RunContext, Stop
from stages.address_review.review import Review
from stages.address_review.source import read_issue
from stages.fetch_issue import FetchIssue, Issue

NOT_STORED = (
    "the results of the run that opened the pull request are not stored any more: close it, and"
    " let the issue be fixed again"
)


class RecallIssue:
    name = FetchIssue.name

    def __init__(self, history: PullHistory):
        self._history = history

    async def run(self, review: Review, run: RunContext) -> Issue | Stop:
        issue = await asyncio.to_thread(read_issue, self._history, review.source)
        return issue or Stop(Outcome.REJECTED, NOT_STORED)
