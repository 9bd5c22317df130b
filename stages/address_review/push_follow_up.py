"""The stage ``push_follow_up``: push the follow-up's commit, then answer each remark once.

The exact bytes of the commit and of the replies are stored as intentions before they are sent.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.github import ForgeRefused
from pipeline.github.accounts import Accounts
from pipeline.github.commit_identity import CommitIdentity
from pipeline.github.conversation import Conversation
from pipeline.job import IssueRef
from pipeline.outcome import Facts, Outcome
from pipeline.pushes import PUSH
from pipeline.run_key import RunKey
from pipeline.stage import RunContext, Stop
from pipeline.store.contract import Effect
from pipeline.template_sets import Templates
from prompts.template_set import TemplateSet
from repository.counts import count
from repository.git import GitRefused, GitUnauthorized, Identity, Mirror, Mirrors, PushRejected
from stages.address_review.answers import (
    FollowUpResult,
    plan_replies,
    render_message,
    template_facts,
)
from stages.address_review.refusals import find_stop
from stages.address_review.replies import PlannedReply, ReplyPoster, notice
from stages.address_review.review import Review
from stages.apply_patch import Candidate, Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.open_pr.convention import CommitSubject, read_convention
from stages.open_pr.people import CommitPeople
from stages.open_pr.plans import PlannedCommit
from stages.open_pr.pushing import (
    ForeignCommit,
    describe_rejection,
    intend_commit,
    push_commit,
)
from stages.open_pr.title import word_title
from stages.propose_patch import Proposals
from stages.run_tests import Verdict

log = logging.getLogger(__name__)

#: Outcomes of runs that end before this stage, of which the people on the pull request are told.
_TOLD = (Outcome.NO_FIX, Outcome.BUDGET_EXHAUSTED)


@dataclass(frozen=True)
class _Change:
    """The chosen change of the whole pull request, and its commit's place."""

    review: Review
    candidate: Candidate
    verdict: Verdict
    base_sha: str
    head: str
    mirror: Mirror

    @property
    def is_new(self) -> bool:
        """Whether it differs from what the pull request has already. Blocks."""
        return self.candidate.tree != self.mirror.tree_of(self.head)

    def write(self, message: str, author: Identity, seconds: int) -> str:
        """Write the follow-up's commit into the mirror; return its SHA. Blocks."""
        return self.mirror.commit(self.candidate.tree, self.head, message, author, seconds)

    def title(self) -> CommitSubject | None:
        """Return the model's title in the words of the repository's commits; None if it can't be
        used. Blocks.
        """
        convention = read_convention(self.mirror, self.base_sha)
        return word_title(self.candidate.title, convention, paths=self.paths(), number=None)

    def paths(self) -> list[str]:
        """Return the files that the follow-up changes. Blocks."""
        before = {entry.path: entry for entry in self.mirror.files(self.head)}
        after = {entry.path: entry for entry in self.mirror.files(self.candidate.tree)}
        return [path for path in {**before, **after} if before.get(path) != after.get(path)]


class NothingPushed(Exception):
    """The follow-up's commit can't be pushed; the text says why."""


class PushFollowUp:
    """The last stage of a run that addresses a review."""

    name = "push_follow_up"

    def __init__(
        self,
        conversation: Conversation,
        accounts: Accounts,
        mirrors: Mirrors,
        templates: Templates,
        commits: CommitIdentity,
        people: CommitPeople,
        *,
        clock: Callable[[], float] = time.time,
    ):
        self._conversation = conversation
        self._accounts = accounts
        self._mirrors = mirrors
        self._templates = templates
        self._commits = commits
        self._people = people
        self._clock = clock

    async def run(
        self,
        issue: Issue,
        checkout: Checkout,
        review: Review,
        proposals: Proposals,
        candidates: Candidates,
        verdict: Verdict,
        run: RunContext,
    ) -> Stop:
        candidate = candidates.candidates[verdict.candidate]
        templates = await self._templates.of(run)
        facts = template_facts(templates).merged(
            Facts(verification=verdict.verification, artifacts={"patch": candidate.patch_key})
        )
        stop = await self._find_stop(run, IssueRef.parse(issue.url))
        if stop is not None:
            return Stop(Outcome.CANCELLED, f"{stop}; nothing was pushed", facts)
        mirror = self._mirrors.at(checkout.repository)
        proposal = proposals.proposals[candidate.proposal]
        change = _Change(review, candidate, verdict, checkout.base_sha, review.head_sha, mirror)
        try:
            follow_up = await self._push_change(run, change, checkout, templates)
        except NothingPushed as error:
            reason = f"nothing was pushed: {error}"
            refusal = await self._tell(run, reason)
            return Stop(Outcome.PROPOSED, _with_refusal(reason, refusal), facts)
        replies = await asyncio.to_thread(
            plan_replies, templates, review, proposal.replies, candidate.summary, follow_up
        )
        return await self._answer(run, follow_up, replies, facts)

    async def conclude(self, stop: Stop, run: RunContext) -> None:
        """Tell the people on the pull request of a run that ended without an answer to them."""
        if stop.outcome not in _TOLD:
            return
        try:
            is_stopped = await self._find_stop(run, issue=None) is not None
        except ForgeRefused as error:
            log.warning("nobody is told that the run came to nothing: %s", error)
            return
        if not is_stopped:
            asked = "failed checks" if run.review_job.is_about_checks else "comments"
            await self._tell(run, f"The {asked} could not be addressed: {stop.reason}")

    def effect_facts(self, effects: Sequence[Effect]) -> Facts:
        """See ``pipeline.stage.HasEffects``."""
        facts = Facts()
        for effect in effects:
            if effect.name == PUSH:
                facts = facts.merged(Facts(branch=effect.intention["branch"]))
        return facts

    # The commit

    async def _find_stop(self, run: RunContext, issue: IssueRef | None) -> str | None:
        """Return why nothing may be pushed any more; None once a push may have happened."""
        if await run.has_intended(PUSH):
            return None
        details = await asyncio.to_thread(self._conversation.pull, run.review_job.pull)
        return await asyncio.to_thread(find_stop, self._conversation, details, issue)

    async def _push_change(
        self, run: RunContext, change: _Change, checkout: Checkout, templates: TemplateSet
    ) -> FollowUpResult:
        """Push the follow-up, if it changes anything.

        Raises:
            NothingPushed: somebody else has pushed, or the push is refused.
        """
        verification = change.verdict.verification
        if not await asyncio.to_thread(lambda: change.is_new):
            return FollowUpResult(sha=None, verification=verification, paths=())
        assert checkout.head is not None  # noqa: S101 (the stage checkout of a follow-up sets it)
        commit = await self._plan_commit(run, change, templates)
        try:
            sha = await push_commit(
                run,
                change.mirror,
                checkout.head.url,
                commit,
                parent=change.head,
                ours={change.head},
                signer=self._commits.signer,
            )
        except GitUnauthorized:
            raise  # the deployment's credentials: the push waits until they are replaced
        except (ForgeRefused, GitRefused, ForeignCommit) as error:
            raise NothingPushed(str(error)) from error
        except PushRejected as error:
            raise NothingPushed(describe_rejection(error)) from error
        paths = await asyncio.to_thread(change.paths)
        return FollowUpResult(sha=sha, verification=verification, paths=paths)

    async def _plan_commit(
        self, run: RunContext, change: _Change, templates: TemplateSet
    ) -> PlannedCommit:
        """Return the commit that this run intends to push, after writing it into the mirror."""

        def render(author: Identity) -> str:
            return render_message(
                templates,
                change.review,
                title=change.title(),
                summary=change.candidate.summary,
                verification=change.verdict.verification,
                run=RunKey(run.job_id, run.generation),
                people=self._people.trailers(run.job, author),
            )

        return await intend_commit(
            run,
            change.review.branch,
            self._commits.author,
            render,
            change.write,
            self._clock,
        )

    # The replies

    async def _answer(
        self,
        run: RunContext,
        follow_up: FollowUpResult,
        replies: Sequence[PlannedReply],
        facts: Facts,
    ) -> Stop:
        """Post the replies, and return the end of the run."""
        poster = await self._poster(run)
        refusal: str | None = None
        for reply in replies:
            refusal = await _post(poster, reply) or refusal
        number = run.review_job.pull.number
        answered = f"{count(len(replies), 'answer')} on pull request #{number}"
        if follow_up.sha is None:
            reason = _with_refusal(f"{answered}; nothing had to be changed", refusal)
            return Stop(Outcome.NO_CHANGE_NEEDED, reason, facts)
        reason = f"{follow_up.verification}; commit {follow_up.sha[:12]} and {answered}"
        return Stop(Outcome.PR_UPDATED, _with_refusal(reason, refusal), facts)

    async def _tell(self, run: RunContext, text: str) -> str | None:
        """Post a notice about this run; return why it can't be posted."""
        key = f"run-{run.job_id}-{run.generation}"
        return await _post(await self._poster(run), notice(key, text))

    async def _poster(self, run: RunContext) -> ReplyPoster:
        pull = run.review_job.pull
        own = await asyncio.to_thread(self._accounts.own, pull.repository)
        return ReplyPoster(run, self._conversation, pull, own.login)


async def _post(poster: ReplyPoster, reply: PlannedReply) -> str | None:
    """Post a reply; return why it can't be posted."""
    try:
        await poster.post(reply)
    except ForgeRefused as error:
        log.warning("the reply to %s can't be posted: %s", reply.key, error)
        return str(error)
    return None


def _with_refusal(reason: str, refusal: str | None) -> str:
    if refusal is None:
        return reason
    return f"{reason}; not all of it could be posted: {refusal}"
