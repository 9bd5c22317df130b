"""The stage ``fetch_review``: read what is to be answered on a pull request into a frozen snapshot.

What policy forbids is rejected here, before anything costs money.
"""

import asyncio
from functools import cache

from pipeline.errors import Retry
from pipeline.github import ForgeRefused
from pipeline.github.accounts import Accounts
from pipeline.github.conversation import Conversation, Discussion, PullDetails
from pipeline.job import AddressReviewJob, PullRef
from pipeline.outcome import Facts, Outcome
from pipeline.pull_history import PullHistory
from pipeline.run_key import RunKey
from pipeline.stage import RunContext, Stop
from stages.address_review.check_text import MAX_CHECKS, describe_check
from stages.address_review.refusals import Refusal, ReviewLimits, find_refusal, find_stop
from stages.address_review.remarks import RemarkRules, Selection
from stages.address_review.replies import ReplyPoster, find_answered, notice
from stages.address_review.review import Review, checks_key
from stages.address_review.source import read_conversation_key
from stages.fetch_issue import find_requester_refusal
from stages.propose_patch import ReviewCheck

#: Seconds until a run tries again while another one works on the same pull request.
OTHER_JOB_DELAY = 15.0


class FetchReview:
    name = "fetch_review"

    def __init__(
        self,
        conversation: Conversation,
        accounts: Accounts,
        history: PullHistory,
        limits: ReviewLimits,
    ):
        self._conversation = conversation
        self._accounts = accounts
        self._history = history
        self._limits = limits

    async def run(self, run: RunContext) -> Review | Stop:
        pull = run.review_job.pull
        await _wait_for_others(run)
        try:
            return await self._read(pull, run)
        except ForgeRefused as error:
            return Stop(Outcome.REJECTED, str(error))

    async def _read(self, pull: PullRef, run: RunContext) -> Review | Stop:
        details = await asyncio.to_thread(self._conversation.pull, pull)
        runs = await asyncio.to_thread(self._history.runs, pull)
        own = RunKey(run.job_id, run.generation)
        stop = await asyncio.to_thread(find_stop, self._conversation, details, runs.issue)
        stop = stop or await asyncio.to_thread(
            find_requester_refusal, self._conversation, run.review_job
        )
        if stop is not None:
            return Stop(Outcome.REJECTED, stop)
        refusal = find_refusal(details, runs, own, self._limits)
        if refusal is not None:
            return await self._refuse(refusal, pull, run)
        source = runs.source_of(details.head_sha)
        assert source is not None  # noqa: S101 (find_refusal has checked it)
        discussion = await asyncio.to_thread(self._conversation.discussion, pull)
        selection = await asyncio.to_thread(self._select, discussion, run.review_job)
        checks = await self._read_checks(pull, details, discussion, run)
        if not selection.remarks and not checks:
            return _nothing_to_do(details, selection)
        if selection.omitted:
            run.progress(f"not answered: {'; '.join(selection.omitted)}")
        return Review(
            pull_request_url=details.url,
            pull_request_number=details.number,
            branch=details.head,
            head_sha=details.head_sha,
            remarks=selection.remarks,
            checks=checks,
            omitted=selection.omitted,
            source=source,
            max_usd=self._limits.usd - runs.review_usd_before(own),
            conversation_key=await self._find_conversation(source, run),
        )

    async def _refuse(self, refusal: Refusal, pull: PullRef, run: RunContext) -> Stop:
        """Return the end of a refused run, after telling those who asked if they can't know why.

        If checks failed, nobody has asked.
        """
        if refusal.notice is not None and not run.review_job.is_about_checks:
            own = await asyncio.to_thread(self._accounts.own, pull.repository)
            poster = ReplyPoster(run, self._conversation, pull, own.login)
            text = f"Nothing was done about the comments: {refusal.reason}."
            await poster.post(notice(refusal.notice, text))
        return Stop(Outcome.REJECTED, refusal.reason)

    def _select(self, discussion: Discussion, job: AddressReviewJob) -> Selection:
        """Return the remarks to answer. Blocks."""
        pull = job.pull

        @cache
        def may_write(login: str) -> bool:
            return self._conversation.permission(pull, login).may_write

        own = self._accounts.own(pull.repository)
        rules = RemarkRules(own.login, job.request, may_write)
        return rules.select(discussion)

    async def _read_checks(
        self, pull: PullRef, details: PullDetails, discussion: Discussion, run: RunContext
    ) -> tuple[ReviewCheck, ...]:
        """Return the failed checks to answer; none if the token may not read them, unless they are
        what the job is about.
        """
        try:
            return await asyncio.to_thread(self._failed_checks, pull, details, discussion)
        except ForgeRefused as error:
            if run.review_job.is_about_checks:
                raise
            run.progress(f"checks are not read: {error}")
            return ()

    def _failed_checks(
        self, pull: PullRef, details: PullDetails, discussion: Discussion
    ) -> tuple[ReviewCheck, ...]:
        """Return the failed checks of the newest commit, unless they are answered. Blocks."""
        own = self._accounts.own(pull.repository)
        if checks_key(details.head_sha) in find_answered(discussion, own.login):
            return ()
        failed = self._conversation.failed_checks(pull, details.base, details.head_sha)
        return tuple(describe_check(check) for check in failed[:MAX_CHECKS])

    async def _find_conversation(self, source: RunKey, run: RunContext) -> str | None:
        """Return the key of the conversation that a run ended with, if it is still stored."""
        key = await asyncio.to_thread(read_conversation_key, self._history, source)
        if key is None:
            return None
        try:
            await run.load(key)
        except FileNotFoundError:
            return None
        return key


async def _wait_for_others(run: RunContext) -> None:
    """Let one run at a time work on the pull request, so that none answers what another does.

    Raises:
        Retry: another one works on it; what it has answered is then found.
    """
    other = await run.claim_issue()
    if other is not None:
        reason = f"job {other} works on the same pull request"
        raise Retry(reason, OTHER_JOB_DELAY, counts=False)


def _nothing_to_do(details: PullDetails, selection: Selection) -> Stop:
    reason = f"nothing on pull request #{details.number} waits for an answer"
    if selection.omitted:
        reason += f" (left out: {', '.join(selection.omitted)})"
    facts = Facts(pull_request_url=details.url, pull_request_number=details.number)
    return Stop(Outcome.NO_CHANGE_NEEDED, reason, facts)
