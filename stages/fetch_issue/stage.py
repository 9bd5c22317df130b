"""The stage ``fetch_issue``: read the current issue into a frozen snapshot.

Issues that policy forbids are rejected here, before anything costs money.
"""

import asyncio

from pipeline.github import Forge, ForgeRefused, IssueSnapshot
from pipeline.github.access import find_repository_refusal
from pipeline.job import FixIssueJob
from pipeline.outcome import Outcome
from pipeline.stage import RunContext, Stop
from stages.fetch_issue.comments import select_comments
from stages.fetch_issue.issue import Issue, freeze
from stages.fetch_issue.other_pulls import already_open, find_other_pull
from stages.fetch_issue.refusals import find_late_edit, find_refusal, find_size_refusal
from stages.fetch_issue.requester import Permissions, find_requester_refusal


class FetchIssue:
    name = "fetch_issue"

    def __init__(
        self, forge: Forge, permissions: Permissions | None, comment_authors: tuple[str, ...]
    ):
        """Args:
        permissions: None for a local repository, where nobody else can ask.
        comment_authors: GitHub's names for the roles whose comments are shown.
        """
        self._forge = forge
        self._permissions = permissions
        self._comment_authors = comment_authors

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
            refusal = find_refusal(snapshot) or await self._find_late_edit(run.fix_job, snapshot)
            if refusal is not None:
                return _rejected(refusal)
            other = await find_other_pull(self._forge, run, repository.default_branch)
        except ForgeRefused as error:
            return _rejected(str(error))
        if other is not None:
            return already_open(other, ref)
        comments = select_comments(snapshot, self._comment_authors, run.fix_job.requested_at)
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

    async def _find_late_edit(self, job: FixIssueJob, snapshot: IssueSnapshot) -> str | None:
        """Return why the text that was read is not the text when the fix was requested."""
        if job.requested_at is None:
            return None
        edited_at = await asyncio.to_thread(self._forge.last_edit, job.issue)
        return find_late_edit(snapshot.number, edited_at, job.requested_at)


def _rejected(reason: str) -> Stop:
    return Stop(Outcome.REJECTED, reason)
