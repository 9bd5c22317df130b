"""The stage ``fetch_issue``: read the current issue into a frozen snapshot.

Issues that policy forbids are rejected here, before anything costs money.
"""

import asyncio

from pipeline.github import Forge, ForgeRefused
from pipeline.outcome import Outcome
from pipeline.stage import RunContext, Stop
from stages.fetch_issue.issue import Issue, freeze
from stages.fetch_issue.refusals import find_refusal


class FetchIssue:
    name = "fetch_issue"

    def __init__(self, forge: Forge):
        self._forge = forge

    async def run(self, run: RunContext) -> Issue | Stop:
        ref = run.job.issue
        try:
            repository = await asyncio.to_thread(self._forge.repository, ref)
            if repository.archived:
                return _rejected(f"{repository.full_name} is archived")
            if repository.push_refusal and not run.job.options.dry_run:
                return _rejected(repository.push_refusal)
            snapshot = await asyncio.to_thread(self._forge.issue, ref)
        except ForgeRefused as error:
            return _rejected(str(error))
        refusal = find_refusal(snapshot)
        if refusal is not None:
            return _rejected(refusal)
        issue = await asyncio.to_thread(freeze, ref, repository, snapshot)
        if not issue.text.strip():
            return Stop(
                Outcome.NEEDS_INFO, "the issue has no text: say what happens and what should happen"
            )
        if issue.hidden:
            run.progress(f"hidden text removed: {'; '.join(issue.hidden)}")
        return issue


def _rejected(reason: str) -> Stop:
    return Stop(Outcome.REJECTED, reason)
