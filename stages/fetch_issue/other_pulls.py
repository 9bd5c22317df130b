"""One issue has one open pull request, whatever the job ids, unless the job allows a second one."""

import asyncio

from pipeline.github import Forge, OpenPull
from pipeline.github.issue_pulls import describe_other, is_ours, select_other
from pipeline.job import IssueRef
from pipeline.outcome import Facts, Outcome
from pipeline.stage import RunContext, Stop

OPTION = "options.allow_second_pull_request"


async def find_other_pull(forge: Forge, run: RunContext, default_branch: str) -> OpenPull | None:
    """Return the open pull request because of which the run may not open one; None if it may.

    A dry run opens none. Somebody else's counts if it leads to the default branch, where it closes
    the issue, or to the one that the job works from.

    Raises:
        ForgeRefused: the pull requests can't be listed.
    """
    options = run.fix_job.options
    if options.dry_run or options.allow_second_pull_request:
        return None
    ref = run.fix_job.issue
    bases = {default_branch, run.fix_job.base_branch or default_branch}
    pulls = await asyncio.to_thread(forge.open_pulls, ref)
    return select_other(pulls, ref, run.job_id, bases)


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
