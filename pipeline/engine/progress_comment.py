"""One comment on the issue or pull request that a run is about: that work has begun, and how it
ended. It may fail without any consequence for the run.
"""

import asyncio
import logging
from typing import Protocol

from pipeline.job import ADDRESS_REVIEW, Job, Subject
from pipeline.leased_run import LeasedRun
from pipeline.outcome import Outcome, RunResult
from prompts.filters import clip, one_line
from prompts.inert_text import inert

log = logging.getLogger(__name__)

#: Seconds after which a run goes on without its comment.
MAX_SECONDS = 30.0
#: Maximum characters of a reason in the comment.
MAX_REASON = 1000
_BEGUN = "progress comment"
"""The name under which a run remembers that it has, or may have, begun the comment."""


class ProgressComment(Protocol):
    """The comment, of which each issue and pull request has one."""

    def put(self, subject: Subject, body: str) -> None:
        """Create the comment, or change it. Idempotent. Blocks; it may raise any error."""
        ...


async def show_start(comment: ProgressComment | None, run: LeasedRun, job: Job) -> None:
    """Say that the work has begun; ``comment`` is None if the deployment wants no comments."""
    if comment is None:
        return
    # First: if the reply to the creation is lost, the end of the run finds the comment.
    await run.remember(_BEGUN, _nothing)
    await _put(comment, job.subject, f"Work on {_what(job)} has begun.")


async def show_end(
    comment: ProgressComment | None, run: LeasedRun, job: Job | None, result: RunResult
) -> None:
    """Say how the work ended, if the run had said that it began."""
    if comment is None or job is None or not await run.has_remembered(_BEGUN):
        return
    await _put(comment, job.subject, describe_end(job, result))


def describe_end(job: Job, result: RunResult) -> str:
    """Return in a sentence or two how a run ended, as Markdown for GitHub."""
    if result.outcome is Outcome.PR_OPENED and result.pull_request_number is not None:
        pull = f"pull request #{result.pull_request_number}"
        return f"Work on {_what(job)} has ended: {pull} is open (*{result.verification}*)."
    if result.outcome is Outcome.FAILED:
        return (
            f"Work on {_what(job)} has ended because of a technical failure, which the operator of"
            " this service sees."
        )
    reason = inert(clip(one_line(result.reason), MAX_REASON))
    return f"Work on {_what(job)} has ended: {reason}"


def _what(job: Job) -> str:
    return "the review of this pull request" if job.type == ADDRESS_REVIEW else "this issue"


async def _nothing() -> str:
    return ""


async def _put(comment: ProgressComment, subject: Subject, body: str) -> None:
    try:
        async with asyncio.timeout(MAX_SECONDS):
            await asyncio.to_thread(comment.put, subject, body)
    except Exception as error:
        log.warning("the progress comment on %s was not written: %s", subject.label, error)
