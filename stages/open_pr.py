"""Push the branch and open the pull request, idempotently; if nothing is pushed, only propose the
patch.

The exact bytes of the commit and of the pull request's text are stored as intentions before they
are sent. A later delivery of the run carries out the stored intention, even if templates, clocks or
replies have changed since.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from pipeline.errors import Retry
from pipeline.github import Forge, ForgeRefused, NewPull, OpenPull, PullRequest
from pipeline.github.issue_pulls import branch_name, describe_other, marker
from pipeline.job import IssueRef
from pipeline.outcome import Facts, Outcome, Verification
from pipeline.stage import RunContext, Stop
from pipeline.store.contract import Effect
from pipeline.template_sets import Templates
from prompts import TemplateSet
from prompts.filters import clip
from repository.git import GitRefused, GitUnauthorized, Identity, Mirror, Mirrors, PushRejected
from stages.apply_patch import Candidate, Candidates
from stages.checkout import PUSH, Checkout
from stages.fetch_issue import Issue, find_other_pull, link_facts
from stages.propose_patch import Proposals
from stages.run_tests import Verdict

log = logging.getLogger(__name__)

#: Author of the commits. GitHub shows the name; the address receives no mail.
AUTHOR = Identity("coding-agent", "coding-agent@users.noreply.github.com")
#: Limits of GitHub, in characters; its error response (422) states them.
MAX_TITLE = 256
MAX_BODY = 65_536
#: Seconds until a run tries again while another job opens a pull request for its issue.
OTHER_JOB_DELAY = 15.0
#: Name of the effect, and of the template of the pull request's body.
PULL_REQUEST = "pull_request"
_TITLE = "pull_request_title"
_MESSAGE = "commit_message"

_REJECTION = re.compile(r"rejected\].*\(([^()]+)\)\s*$", re.MULTILINE)

#: Writes the commit with a message and a time (seconds since the epoch) into the mirror, and
#: returns its SHA.
WriteCommit = Callable[[str, int], str]


class PlannedCommit(BaseModel):
    """The commit that a run intends to push. The same plan always makes the same commit."""

    model_config = ConfigDict(frozen=True)

    branch: str
    seconds: int
    """The commit's time, in seconds since the epoch."""
    message: str
    sha: str


class PlannedPull(BaseModel):
    """The text of the pull request that a run intends to open."""

    model_config = ConfigDict(frozen=True)

    title: str
    body: str


class _ForeignCommit(PushRejected):
    """The branch holds a commit that no run of the job has made."""


@dataclass(frozen=True)
class Change:
    """The chosen candidate, with everything that the templates need."""

    issue: Issue
    checkout: Checkout
    proposals: Proposals
    candidate: Candidate
    verdict: Verdict

    def writer(self, mirror: Mirror) -> WriteCommit:
        """Return a function that writes this change as a commit into the mirror."""

        def write(message: str, seconds: int) -> str:
            base = self.checkout.base_sha
            return mirror.commit(self.candidate.tree, base, message, AUTHOR, seconds)

        return write

    def variables(self, run: RunContext, cost_usd: float) -> dict[str, Any]:
        """Return the variables of the three templates."""
        return {
            **self._issue_variables(),
            **self._test_variables(),
            "summary": self.candidate.summary,
            "notices": self.candidate.notices,
            "base_branch": self.checkout.base_branch,
            "base_sha": self.checkout.base_sha,
            "model": self.proposals.proposals[self.candidate.proposal].model,
            "template_set": self.proposals.template_set,
            "templates": {**self.proposals.templates, **self.verdict.templates},
            "rounds": run.round,
            "cost_usd": cost_usd,
            "job_id": run.job_id,
            "generation": run.generation,
        }

    def _issue_variables(self) -> dict[str, Any]:
        return {
            "issue_number": self.issue.number,
            "issue_url": self.issue.public_url,
            "title": self.issue.title,
            "hidden": self.issue.hidden,
        }

    def _test_variables(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "verification": verdict.verification.value,
            "reason": verdict.reason,
            "fixed": verdict.fixed,
            "still_failing": verdict.still_failing,
            "ran": verdict.ran,
            "regressed": verdict.regressed,
            "could_not_run": verdict.could_not_run,
            "flaky": verdict.flaky,
        }


class OpenPullRequest:
    """The stage ``open_pr``."""

    name = "open_pr"

    def __init__(
        self,
        forge: Forge,
        mirrors: Mirrors,
        templates: Templates,
        *,
        page_url: str | None = None,
        clock: Callable[[], float] = time.time,
    ):
        """``page_url`` is where the pages of runs are: each at ``/JOB/GENERATION`` below it."""
        self._page_url = page_url
        self._forge = forge
        self._mirrors = mirrors
        self._templates = templates
        self._clock = clock

    async def run(
        self,
        issue: Issue,
        checkout: Checkout,
        proposals: Proposals,
        candidates: Candidates,
        verdict: Verdict,
        run: RunContext,
    ) -> Stop:
        candidate = candidates.candidates[verdict.candidate]
        change = Change(issue, checkout, proposals, candidate, verdict)
        facts = Facts(verification=verdict.verification, artifacts={"patch": candidate.patch_key})
        if run.job.options.dry_run:
            reason = f"{verdict.verification}; nothing was pushed, as asked"
            return Stop(Outcome.PROPOSED, reason, facts)
        templates = await self._templates.of(run)
        facts = facts.merged(_template_facts(templates))
        return await self._publish(run, change, templates, facts)

    def effect_facts(self, effects: Sequence[Effect]) -> Facts:
        """See ``pipeline.stage.HasEffects``."""
        facts = Facts()
        for effect in effects:
            if effect.name == PUSH:
                facts = facts.merged(Facts(branch=effect.intention["branch"]))
            elif effect.name == PULL_REQUEST and effect.result is not None:
                facts = facts.merged(_links(effect.result["url"], effect.result["number"]))
        return facts

    async def _publish(
        self, run: RunContext, change: Change, templates: TemplateSet, facts: Facts
    ) -> Stop:
        """Plan the commit, push it and open the pull request.

        It ends early if another pull request for the issue has been opened meanwhile, the push is
        rejected or the forge opens no pull requests.
        """
        mirror = self._mirrors.at(change.checkout.repository)
        variables = change.variables(run, await run.ledger.cost_usd())
        variables["page_url"] = self._page_of(run)
        branch = branch_name(variables["issue_number"], run.job_id)
        await self._claim_issue(run)
        was_tried = await run.has_intended(PUSH)
        try:
            if not was_tried:
                other = await find_other_pull(self._forge, run, change.issue.default_branch)
                if other is not None:
                    return _opened_meanwhile(other, run, None, facts)
            url = await asyncio.to_thread(self._forge.push_url, run.job.issue)
            commit = await self._plan_commit(run, templates, variables, change.writer(mirror))
            pull = await self._plan_pull(run, templates, variables)
            await self._push(run, mirror, url, commit)
        except GitUnauthorized:
            raise  # the deployment's credentials: the push waits until they are replaced
        except (ForgeRefused, GitRefused, _ForeignCommit) as error:
            if was_tried:
                return _perhaps_pushed(branch, str(error), facts)
            return _nothing_pushed(str(error), facts)
        except PushRejected as error:
            return _nothing_pushed(_rejection(error), facts)
        facts = facts.merged(Facts(branch=commit.branch))
        if pull is None:
            reason = f"{change.verdict.verification}; branch {commit.branch} is in the repository"
            return Stop(Outcome.PROPOSED, reason, facts)
        return await self._open_for(change, run, commit.branch, pull, facts)

    def _page_of(self, run: RunContext) -> str | None:
        """Return the address of the run's page; None if the pages have none."""
        if self._page_url is None:
            return None
        return f"{self._page_url}/{quote(run.job_id, safe='')}/{run.generation}"

    async def _claim_issue(self, run: RunContext) -> None:
        """Keep other jobs from opening a pull request for the issue at the same time.

        Raises:
            Retry: another job is about to open one; its pull request is then found.
        """
        if run.job.options.allow_second_pull_request or not self._forge.opens_pulls:
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
                return _opened_meanwhile(other, run, branch, facts)
            opened = await self._open(run, branch, change.checkout.base_branch, planned)
        except ForgeRefused as error:
            reason = (
                f"{verification}; branch {branch} is pushed, but its pull request can't be"
                f" opened: {error}"
            )
            return Stop(Outcome.PROPOSED, reason, facts)
        return _pull_request_opened(opened, verification, facts)

    async def _plan_commit(
        self,
        run: RunContext,
        templates: TemplateSet,
        variables: dict[str, Any],
        write: WriteCommit,
    ) -> PlannedCommit:
        """Return the commit that this run intends to push, after writing it into the mirror."""

        def plan() -> PlannedCommit:
            seconds = int(self._clock())
            message = templates.render(_MESSAGE, **variables)
            return PlannedCommit(
                branch=branch_name(variables["issue_number"], run.job_id),
                seconds=seconds,
                message=message,
                sha=write(message, seconds),
            )

        new = await asyncio.to_thread(plan)
        commit = PlannedCommit.model_validate(await run.intend(PUSH, new.model_dump()))
        sha = await asyncio.to_thread(write, commit.message, commit.seconds)
        if sha != commit.sha:
            raise AssertionError(
                f"the stored intention names commit {commit.sha}, but its data produce {sha}"
            )
        return commit

    async def _plan_pull(
        self, run: RunContext, templates: TemplateSet, variables: dict[str, Any]
    ) -> PlannedPull | None:
        """Return the planned text, or None if the forge opens no pull requests."""
        if not self._forge.opens_pulls:
            return None
        new = await asyncio.to_thread(_render_pull, templates, variables)
        return PlannedPull.model_validate(await run.intend(PULL_REQUEST, new.model_dump()))

    async def _push(self, run: RunContext, mirror: Mirror, url: str, commit: PlannedCommit) -> None:
        """Push the commit and record it.

        Raises:
            PushRejected: as ``_push_branch`` does.
        """
        ours = {str(intention["sha"]) for intention in await run.intentions(PUSH)}
        await asyncio.to_thread(_push_branch, mirror, url, commit, ours)
        await run.record(PUSH, {"sha": commit.sha})

    async def _open(
        self, run: RunContext, branch: str, base: str, planned: PlannedPull
    ) -> PullRequest:
        options = run.job.options
        new = NewPull(
            head=branch,
            base=base,
            title=planned.title,
            body=planned.body,
            draft=options.draft,
            labels=options.labels,
            reviewers=options.reviewers,
        )
        own_marker = marker(run.job_id, run.generation)
        opened = await asyncio.to_thread(self._create_or_adopt, run, new, own_marker)
        await run.record(PULL_REQUEST, {"number": opened.number, "url": opened.url})
        return opened

    def _create_or_adopt(self, run: RunContext, new: NewPull, own_marker: str) -> PullRequest:
        """Return the branch's pull request, creating it only if there is none.

        An earlier request may have succeeded although its response was lost. An open pull request
        of the branch is updated; a closed one of this very run is left as it is.
        """
        ref = run.job.issue
        for existing in self._forge.find_pulls(ref, new.head):
            if existing.state == "open":
                return self._update(ref, existing, new)
            if own_marker in existing.body:
                return existing
        return self._forge.create_pull(ref, new)

    def _update(self, ref: IssueRef, existing: PullRequest, new: NewPull) -> PullRequest:
        """Update an open pull request. It is open even if GitHub refuses to change it."""
        try:
            return self._forge.update_pull(ref, existing.number, new)
        except ForgeRefused as error:
            log.warning("GitHub refused to update pull request #%d: %s", existing.number, error)
            return existing


def _template_facts(templates: TemplateSet) -> Facts:
    names = (_MESSAGE, _TITLE, PULL_REQUEST)
    return Facts(templates={name: templates.hash(name) for name in names})


def _nothing_pushed(reason: str, facts: Facts) -> Stop:
    return Stop(Outcome.PROPOSED, f"nothing was pushed: {reason}", facts)


def _perhaps_pushed(branch: str, reason: str, facts: Facts) -> Stop:
    """Return the end of a run that can't find out what became of its earlier push."""
    text = f"look at branch {branch}, which an earlier try may have pushed: {reason}"
    return Stop(Outcome.PROPOSED, text, facts.merged(Facts(branch=branch)))


def _opened_meanwhile(other: OpenPull, run: RunContext, branch: str | None, facts: Facts) -> Stop:
    """End a run that lost a race; ``branch`` has its commit, if that was pushed."""
    where = f"the fix is on branch {branch}" if branch else "nothing was pushed"
    reason = f"{describe_other(other, run.job.issue)}, since this run began; {where}"
    links = link_facts(other).merged(Facts(branch=branch))
    return Stop(Outcome.PROPOSED, reason, facts.merged(links))


def _pull_request_opened(pull: PullRequest, verification: Verification, facts: Facts) -> Stop:
    closed = "" if pull.state == "open" else ", since closed"
    plain = "; not a draft, which the repository does not support" if pull.lacks_drafts else ""
    reason = f"pull request #{pull.number}{closed}: {verification}{plain}"
    links = _links(pull.url, pull.number)
    return Stop(Outcome.PR_OPENED, reason, facts.merged(links))


def _links(url: str, number: int) -> Facts:
    return Facts(pull_request_url=url, pull_request_number=number)


def _render_pull(templates: TemplateSet, variables: dict[str, Any]) -> PlannedPull:
    """Render title and body, cut to GitHub's limits even if an edited template exceeds them."""
    title = templates.render(_TITLE, **variables).strip()
    if len(title) > MAX_TITLE:
        title = f"{title[: MAX_TITLE - 1]}…"
    body = templates.render(PULL_REQUEST, **variables)
    line = marker(variables["job_id"], variables["generation"])
    if line not in body:
        body += f"\n{line}\n"
    if len(body) > MAX_BODY:
        # The middle is replaced by a note; the marker at the end survives.
        body = clip(body, MAX_BODY - 100)
    return PlannedPull(title=title, body=body)


def _push_branch(mirror: Mirror, url: str, commit: PlannedCommit, ours: set[str]) -> None:
    """Point the branch at our commit, if it does not exist yet or is at one of ``ours``.

    Raises:
        _ForeignCommit: the branch holds one.
        PushRejected: the remote's rules forbid the push.
    """
    current = mirror.remote_branch(url, commit.branch)
    if current == commit.sha:
        return
    if current is not None and current not in ours:
        raise _ForeignCommit(
            f"branch {commit.branch} holds a commit that is not ours ({current[:12]})"
        )
    mirror.push(url, commit.sha, commit.branch, expected=current)


def _rejection(error: PushRejected) -> str:
    """Return why the push was rejected: git gives the reason in brackets, at a line's end."""
    match = _REJECTION.search(str(error))
    reason = f" ({match[1]})" if match is not None else ""
    return f"the remote rejected the push{reason}"
