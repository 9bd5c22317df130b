"""One issue has one open pull request, whatever the job ids, unless the job allows a second one."""

import asyncio
from collections.abc import Sequence

from pipeline.github import Forge, OpenPull
from pipeline.github.issue_pulls import (
    branch_name,
    describe_other,
    is_ours,
    select_other,
    select_own,
)
from pipeline.job import IssueRef
from pipeline.outcome import Facts, Outcome
from pipeline.stage import RunContext, Stop
from repository.counts import count

OPTION = "options.allow_second_pull_request"


async def read_open_pulls(forge: Forge, run: RunContext) -> list[OpenPull]:
    """Return the repository's open pull requests; none for a dry run, which opens none.

    Raises:
        ForgeRefused: they can't be listed.
    """
    if run.fix_job.options.dry_run:
        return []
    return await asyncio.to_thread(forge.open_pulls, run.fix_job.issue)


def select_other_pull(
    pulls: Sequence[OpenPull], run: RunContext, default_branch: str
) -> OpenPull | None:
    """Return the open pull request because of which the run may not open one; None if it may.

    Somebody else's counts if it leads to the default branch, where it closes the issue, or to the
    one that the job works from.
    """
    if run.fix_job.options.allow_second_pull_request:
        return None
    bases = {default_branch, run.fix_job.base_branch or default_branch}
    return select_other(pulls, run.fix_job.issue, run.job_id, bases)


async def find_other_pull(forge: Forge, run: RunContext, default_branch: str) -> OpenPull | None:
    """Look again for what ``select_other_pull`` returns.

    Raises:
        ForgeRefused: the pull requests can't be listed.
    """
    if run.fix_job.options.allow_second_pull_request:
        return None
    pulls = await read_open_pulls(forge, run)
    return select_other_pull(pulls, run, default_branch)


def find_limit_refusal(pulls: Sequence[OpenPull], run: RunContext, limit: int) -> str | None:
    """Return why no further pull request may be opened in the repository; None if one may.

    Args:
        limit: of pull requests of this service that are open at once.
    """
    ref = run.fix_job.issue
    own = select_own(pulls)
    branch = branch_name(ref.number, run.job_id)
    if len(own) < limit or any(pull.head == branch for pull in own):
        return None
    return (
        f"{count(len(own), 'pull request')} of this service are open in {ref.repository}, and the"
        f" operator allows {limit} at once: merge or close some, then send the job again"
    )


def already_open(pull: OpenPull, ref: IssueRef) -> Stop:
    """Return the end of a run whose issue has an open pull request from the beginning."""
    if is_ours(pull, ref):
        advice = f"replay that job to work on it again, or set {OPTION}"
    else:
        advice = f"set {OPTION} to open another one"
    reason = f"{describe_other(pull, ref)}; {advice}"
    return Stop(Outcome.REJECTED, reason, link_facts(pull))


def link_facts(pull: OpenPull) -> Facts:
    return Facts(pull_request_url=pull.url, pull_request_number=pull.number)
