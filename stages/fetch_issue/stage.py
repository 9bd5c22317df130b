"""The stage ``fetch_issue``: read the current issue into a frozen snapshot.

Issues that policy forbids are rejected here, before anything costs money.
"""

import asyncio

from pipeline.github import Forge, ForgeRefused, IssueSnapshot
from pipeline.github.access import find_repository_refusal
from pipeline.github.accounts import Accounts
from pipeline.job import FixIssueJob, IssueRef
from pipeline.outcome import Outcome
from pipeline.stage import RunContext, Stop
from stages.fetch_issue.comments import select_comments
from stages.fetch_issue.issue import Issue, freeze
from stages.fetch_issue.other_pulls import (
    already_open,
    find_limit_refusal,
    read_open_pulls,
    select_other_pull,
)
from stages.fetch_issue.refusals import (
    find_assignee_refusal,
    find_late_edit,
    find_refusal,
    find_size_refusal,
)
from stages.fetch_issue.requester import Permissions, find_requester_refusal
from stages.fetch_issue.rules import IssueRules


class FetchIssue:
    name = "fetch_issue"

    def __init__(
        self,
        forge: Forge,
        permissions: Permissions | None,
        accounts: Accounts | None,
        rules: IssueRules,
    ):
        """Args:
        permissions: None for a local repository, where nobody else can ask.
        accounts: None for a local repository, which has none.
        """
        self._forge = forge
        self._permissions = permissions
        self._accounts = accounts
        self._rules = rules

    async def run(self, run: RunContext) -> Issue | Stop:
        ref = run.fix_job.issue
        try:
            repository = await asyncio.to_thread(self._forge.repository, ref)
            pushes = not run.fix_job.options.dry_run
            refusal = find_repository_refusal(repository, pushes=pushes)
            refusal = refusal or await self._find_requester_refusal(run.fix_job)
            if refusal is not None:
                return _rejected(refusal)
            snapshot = await asyncio.to_thread(self._forge.issue, ref)
            refusal = find_refusal(snapshot)
            refusal = refusal or await self._find_assignee_refusal(ref, snapshot)
            refusal = refusal or await self._find_late_edit(run.fix_job, snapshot)
            if refusal is not None:
                return _rejected(refusal)
            pulls = await read_open_pulls(self._forge, run)
        except ForgeRefused as error:
            return _rejected(str(error))
        other = select_other_pull(pulls, run, repository.default_branch)
        if other is not None:
            return already_open(other, ref)
        refusal = find_limit_refusal(pulls, run, self._rules.max_open_pulls)
        if refusal is not None:
            return _rejected(refusal)
        authors = self._rules.comment_authors
        comments = select_comments(snapshot, authors, run.fix_job.requested_at)
        refusal = find_size_refusal(snapshot, comments.shown)
        if refusal is not None:
            return _rejected(refusal)
        issue = await asyncio.to_thread(freeze, ref, repository, snapshot, comments)
        if not issue.text.strip():
            return Stop(
                Outcome.NEEDS_INFO, "the issue has no text: say what happens and what should happen"
            )
        if issue.omitted:
            run.progress(f"comments not shown to the model: {'; '.join(issue.omitted)}")
        if issue.hidden:
            run.progress(f"text that the issue's page does not show: {'; '.join(issue.hidden)}")
        return issue

    async def _find_requester_refusal(self, job: FixIssueJob) -> str | None:
        if self._permissions is None:
            return None
        return await asyncio.to_thread(find_requester_refusal, self._permissions, job)

    async def _find_assignee_refusal(self, ref: IssueRef, snapshot: IssueSnapshot) -> str | None:
        if self._rules.takes_assigned or not snapshot.assignees:
            return None
        own = None
        if self._accounts is not None:
            own = await asyncio.to_thread(self._accounts.own, ref.repository)
        return find_assignee_refusal(snapshot, own)

    async def _find_late_edit(self, job: FixIssueJob, snapshot: IssueSnapshot) -> str | None:
        """Return why the text that was read is not the text when the fix was requested."""
        if job.requested_at is None:
            return None
        edited_at = await asyncio.to_thread(self._forge.last_edit, job.issue)
        return find_late_edit(snapshot.number, edited_at, job.requested_at)


def _rejected(reason: str) -> Stop:
    return Stop(Outcome.REJECTED, reason)
