"""The stage: plan, push, open."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from pipeline.errors import Retry
from pipeline.github import Forge, ForgeRefused, NewPull, PullRequest
from pipeline.github.accounts import Accounts
from pipeline.github.commit_identity import CommitIdentity
from pipeline.github.issue_pulls import branch_name, marker
from pipeline.outcome import Facts, Outcome
from pipeline.pushes import PUSH, own_commits
from pipeline.stage import RunContext, Stop
from pipeline.store.contract import Effect
from pipeline.template_sets import Templates
from prompts.template_set import TemplateSet
from repository.git import GitRefused, GitUnauthorized, Identity, Mirror, Mirrors, PushRejected
from repository.testing.models import Suite
from stages.apply_patch import Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue, find_other_pull
from stages.open_pr.change import Change, WriteCommit
from stages.open_pr.ends import (
    links,
    nothing_pushed,
    opened_meanwhile,
    perhaps_pushed,
    pull_request_opened,
)
from stages.open_pr.opening import create_or_adopt
from stages.open_pr.people import CommitPeople
from stages.open_pr.plans import PULL_REQUEST, PlannedCommit, PlannedPull
from stages.open_pr.pushing import (
    ForeignCommit,
    describe_rejection,
    intend_commit,
    push_commit,
)
from stages.open_pr.settings import PullSettings
from stages.open_pr.text import render_message, render_pull, template_facts
from stages.propose_patch import Proposals
from stages.run_tests import Verdict

#: Seconds until a run tries again while another job opens a pull request for its issue.
OTHER_JOB_DELAY = 15.0


class OpenPullRequest:
    """The stage ``open_pr``."""

    name = "open_pr"

    def __init__(
        self,
        forge: Forge,
        mirrors: Mirrors,
        templates: Templates,
        commits: CommitIdentity,
        settings: PullSettings,
        *,
        accounts: Accounts | None = None,
        clock: Callable[[], float] = time.time,
    ):
        """``accounts`` finds who asked for a change, to name them as its co-author; None: nobody
        is named.
        """
        self._settings = settings
        self._people = CommitPeople(settings.sign_off, accounts)
        self._forge = forge
        self._mirrors = mirrors
        self._templates = templates
        self._commits = commits
        self._clock = clock

    async def run(
        self,
        issue: Issue,
        checkout: Checkout,
        suite: Suite,
        proposals: Proposals,
        candidates: Candidates,
        verdict: Verdict,
        run: RunContext,
    ) -> Stop:
        candidate = candidates.candidates[verdict.candidate]
        change = Change(issue, checkout, proposals, candidate, verdict, suite)
        facts = Facts(verification=verdict.verification, artifacts={"patch": candidate.patch_key})
        if run.fix_job.options.dry_run:
            reason = f"{verdict.verification}; nothing was pushed, as asked"
            return Stop(Outcome.PROPOSED, reason, facts)
        templates = await self._templates.of(run)
        facts = facts.merged(template_facts(templates))
        return await self._publish(run, change, templates, facts)

    def effect_facts(self, effects: Sequence[Effect]) -> Facts:
        """See ``pipeline.stage.HasEffects``."""
        facts = Facts()
        for effect in effects:
            if effect.name == PUSH:
                facts = facts.merged(Facts(branch=effect.intention["branch"]))
            elif effect.name == PULL_REQUEST and effect.result is not None:
                facts = facts.merged(links(effect.result["url"], effect.result["number"]))
        return facts

    async def _publish(
        self, run: RunContext, change: Change, templates: TemplateSet, facts: Facts
    ) -> Stop:
        """Plan the commit, push it and open the pull request.

        It ends early if another pull request for the issue has been opened meanwhile, the push is
        rejected or the forge opens no pull requests.
        """
        mirror = self._mirrors.at(change.checkout.repository)
        cost_usd = await run.ledger.cost_usd()
        variables = await asyncio.to_thread(change.variables, run, mirror, self._settings, cost_usd)
        branch = branch_name(change.issue.number, run.job_id)
        await self._claim_issue(run)
        was_tried = await run.has_intended(PUSH)
        try:
            if not was_tried:
                other = await find_other_pull(self._forge, run, change.issue.default_branch)
                if other is not None:
                    return opened_meanwhile(other, run, None, facts)
            url = await asyncio.to_thread(self._forge.push_url, run.fix_job.issue)
            writer = change.writer(mirror)
            commit = await self._plan_commit(run, branch, templates, variables, writer)
            pull = await self._plan_pull(run, change, mirror, templates, variables)
            await push_commit(
                run,
                mirror,
                url,
                commit,
                parent=change.checkout.base_sha,
                ours=await own_commits(run),
                signer=self._commits.signer,
            )
        except GitUnauthorized:
            raise  # the deployment's credentials: the push waits until they are replaced
        except (ForgeRefused, GitRefused, ForeignCommit) as error:
            if was_tried:
                return perhaps_pushed(branch, str(error), facts)
            return nothing_pushed(str(error), facts)
        except PushRejected as error:
            return nothing_pushed(describe_rejection(error), facts)
        facts = facts.merged(Facts(branch=commit.branch))
        if pull is None:
            reason = f"{change.verdict.verification}; branch {commit.branch} is in the repository"
            return Stop(Outcome.PROPOSED, reason, facts)
        return await self._open_for(change, run, commit.branch, pull, facts)

    async def _claim_issue(self, run: RunContext) -> None:
        """Keep other jobs from opening a pull request for the issue at the same time.

        Raises:
            Retry: another job is about to open one; its pull request is then found.
        """
        if run.fix_job.options.allow_second_pull_request or not self._forge.opens_pulls:
            return
        other = await run.claim_issue()
        if other is not None:
            reason = f"job {other} is about to open a pull request for the same issue"
            raise Retry(reason, OTHER_JOB_DELAY, counts=False)

    async def _open_for(
        self, change: Change, run: RunContext, branch: str, planned: PlannedPull, facts: Facts
    ) -> Stop:
        """Open the pull request of the pushed branch; if that can't be, name the branch."""
        verification = change.verdict.verification
        try:
            other = await find_other_pull(self._forge, run, change.issue.default_branch)
            if other is not None:
                return opened_meanwhile(other, run, branch, facts)
            opened = await self._open(run, branch, change.checkout.base_branch, planned)
        except ForgeRefused as error:
            reason = (
                f"{verification}; branch {branch} is pushed, but its pull request can't be"
                f" opened: {error}"
            )
            return Stop(Outcome.PROPOSED, reason, facts)
        return pull_request_opened(opened, verification, facts)

    async def _plan_commit(
        self,
        run: RunContext,
        branch: str,
        templates: TemplateSet,
        variables: dict[str, Any],
        write: WriteCommit,
    ) -> PlannedCommit:
        """Return the commit that this run intends to push, after writing it into the mirror."""

        def render(author: Identity) -> str:
            trailers = self._people.trailers(run.job, author)
            return render_message(templates, {**variables, **trailers})

        return await intend_commit(run, branch, self._commits.author, render, write, self._clock)

    async def _plan_pull(
        self,
        run: RunContext,
        change: Change,
        mirror: Mirror,
        templates: TemplateSet,
        variables: dict[str, Any],
    ) -> PlannedPull | None:
        """Return the planned text, or None if the forge opens no pull requests."""
        if not self._forge.opens_pulls:
            return None
        draft = run.fix_job.options.draft or not variables["ready"]

        def plan() -> PlannedPull:
            frame = change.repository_template(mirror)
            return render_pull(templates, variables, frame, draft=draft)

        new = await asyncio.to_thread(plan)
        return PlannedPull.model_validate(await run.intend(PULL_REQUEST, new.model_dump()))

    async def _open(
        self, run: RunContext, branch: str, base: str, planned: PlannedPull
    ) -> PullRequest:
        options = run.fix_job.options
        new = NewPull(
            head=branch,
            base=base,
            title=planned.title,
            body=planned.body,
            draft=planned.draft,
            labels=options.labels,
            reviewers=options.reviewers,
        )
        own_marker = marker(run.job_id, run.generation)
        intentions = await run.intentions(PULL_REQUEST)
        ours = [PlannedPull.model_validate(intention) for intention in intentions]
        opened = await asyncio.to_thread(
            create_or_adopt, self._forge, run.fix_job.issue, new, ours, own_marker
        )
        await run.record(PULL_REQUEST, {"number": opened.number, "url": opened.url})
        return opened
