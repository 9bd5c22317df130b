"""Push the branch and open the pull request, so that twice equals once; or, where nothing is
pushed, keep the patch.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pipeline.github import Forge, NewPull, PullRequest
from pipeline.outcome import Facts, Outcome
from pipeline.stage import RunContext, Stop
from pipeline.template_sets import Templates
from prompts import TemplateSet
from prompts.filters import clip
from repository.git import Identity, Mirror, Mirrors, PushRejected
from stages.apply_patch import Candidate, Candidates
from stages.checkout import Checkout, branch_name
from stages.fetch_issue import Issue
from stages.propose_patch import Proposals
from stages.run_tests import Verdict

#: Who the commits are by. GitHub shows the name; the address receives no mail.
AUTHOR = Identity("coding-agent", "coding-agent@users.noreply.github.com")
#: Characters that GitHub takes; its refusal (422) names them.
MAX_TITLE = 256
MAX_BODY = 65_536
_PUSH = "push"
_PULL = "pull_request"
_MESSAGE = "commit_message"
_TITLE = "pull_request_title"
_BODY = "pull_request"


class OpenPullRequest:
    name = "open_pr"

    def __init__(
        self,
        forge: Forge,
        mirrors: Mirrors,
        templates: Templates,
        *,
        clock: Callable[[], float] = time.time,
    ):
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
        facts = Facts(verification=verdict.verification, artifacts={"patch": candidate.patch_key})
        if run.job.options.dry_run:
            return Stop(
                Outcome.PROPOSED, f"{verdict.verification}; nothing was pushed, as asked", facts
            )
        templates = await self._templates.of(run)
        facts = facts.merged(
            Facts(templates={name: templates.hash(name) for name in (_MESSAGE, _TITLE, _BODY)})
        )
        said = await self._said(issue, checkout, candidate, verdict, proposals, run)
        mirror = self._mirrors.at(checkout.repository)
        url = await asyncio.to_thread(self._forge.push_url, run.job.issue)
        commit = await asyncio.to_thread(self._commit, templates, mirror, checkout, candidate, said)
        commit = await run.intend(_PUSH, commit)
        pull = (
            await run.intend(_PULL, await asyncio.to_thread(_texts, templates, said))
            if self._forge.opens_pulls
            else None
        )
        sha = await asyncio.to_thread(_write, mirror, checkout, candidate, commit)
        if sha != commit["sha"]:
            raise AssertionError(
                f"the stored intention names commit {commit['sha']}, its bytes give {sha}"
            )
        ours = {str(past["sha"]) for past in await run.intentions(_PUSH)}
        try:
            await asyncio.to_thread(_push, mirror, url, commit, ours)
        except PushRejected as error:
            return Stop(Outcome.PROPOSED, f"nothing was pushed: {_refusal(error)}", facts)
        await run.record(_PUSH, {"sha": sha})
        facts = facts.merged(Facts(branch=commit["branch"]))
        if pull is None:
            where = f"branch {commit['branch']} is in the repository"
            return Stop(Outcome.PROPOSED, f"{verdict.verification}; {where}", facts)
        opened = await asyncio.to_thread(
            self._open, run, commit["branch"], checkout.base_branch, pull
        )
        await run.record(_PULL, {"number": opened.number, "url": opened.url})
        facts = facts.merged(Facts(pull_request_url=opened.url, pull_request_number=opened.number))
        closed = "" if opened.state == "open" else ", closed since"
        return Stop(
            Outcome.PR_OPENED,
            f"pull request #{opened.number}{closed}: {verdict.verification}",
            facts,
        )

    async def _said(
        self,
        issue: Issue,
        checkout: Checkout,
        candidate: Candidate,
        verdict: Verdict,
        proposals: Proposals,
        run: RunContext,
    ) -> dict[str, Any]:
        """What the templates may say."""
        return {
            "issue_number": issue.number,
            "issue_url": issue.url,
            "title": issue.title,
            "summary": candidate.summary,
            "notices": candidate.notices,
            "verification": verdict.verification.value,
            "reason": verdict.reason,
            "fixed": verdict.fixed,
            "still_failing": verdict.still_failing,
            "ran": verdict.ran,
            "hidden": issue.hidden,
            "regressed": verdict.regressed,
            "could_not_run": verdict.could_not_run,
            "flaky": verdict.flaky,
            "base_branch": checkout.base_branch,
            "base_sha": checkout.base_sha,
            "model": proposals.proposals[candidate.proposal].model,
            "rounds": run.round,
            "cost_usd": await run.ledger.cost_usd(),
            "template_set": proposals.template_set,
            "templates": proposals.templates,
            "job_id": run.job_id,
            "generation": run.generation,
        }

    def _commit(
        self,
        templates: TemplateSet,
        mirror: Mirror,
        checkout: Checkout,
        candidate: Candidate,
        said: dict[str, Any],
    ) -> dict[str, Any]:
        """The branch and the commit on it, to the byte."""
        commit = {
            "branch": branch_name(said["issue_number"], said["job_id"]),
            "seconds": int(self._clock()),
            "message": templates.render(_MESSAGE, **said),
        }
        return commit | {"sha": _write(mirror, checkout, candidate, commit)}

    def _open(self, run: RunContext, branch: str, base: str, texts: dict[str, Any]) -> PullRequest:
        """Look first: one that is open for the branch is brought up to date; a closed one of this
        very run stands.
        """
        ref = run.job.issue
        options = run.job.options
        wanted = NewPull(
            branch,
            base,
            texts["title"],
            texts["body"],
            options.draft,
            options.labels,
            options.reviewers,
        )
        marker = _marker(run.job_id, run.generation)
        for there in self._forge.find_pulls(ref, branch):
            if there.state == "open":
                return self._forge.update_pull(ref, there.number, wanted)
            if marker in there.body:
                return there
        return self._forge.create_pull(ref, wanted)


def _texts(templates: TemplateSet, said: dict[str, Any]) -> dict[str, Any]:
    """Title and body, to the byte and within GitHub's limits, whatever an edited template makes of
    them.
    """
    title = templates.render(_TITLE, **said).strip()
    body = templates.render(_BODY, **said)
    marker = _marker(said["job_id"], said["generation"])
    if marker not in body:
        body += f"\n{marker}\n"
    if len(body) > MAX_BODY:
        body = clip(body, MAX_BODY - 100)  # the middle goes, and says so; the marker is at the end
    return {
        "title": title if len(title) <= MAX_TITLE else f"{title[: MAX_TITLE - 1]}…",
        "body": body,
    }


def _marker(job_id: str, generation: int) -> str:
    return f"<!-- coding-agent:job={job_id} generation={generation} -->"


def _write(mirror: Mirror, checkout: Checkout, candidate: Candidate, commit: dict[str, Any]) -> str:
    return mirror.commit(
        candidate.tree, checkout.base_sha, commit["message"], AUTHOR, commit["seconds"]
    )


def _push(mirror: Mirror, url: str, commit: dict[str, Any], ours: set[str]) -> None:
    """Move the branch to our commit from nothing, or from a commit of an earlier generation; from no one else's.

    Raises:
        PushRejected: somebody else's commit is there, or the remote's rules forbid it.
    """
    there = mirror.remote_branch(url, commit["branch"])
    if there == commit["sha"]:
        return
    if there is not None and there not in ours:
        raise PushRejected(
            f"branch {commit['branch']} holds a commit that is not ours ({there[:12]})"
        )
    mirror.push(url, commit["sha"], commit["branch"], expected=there)


def _refusal(error: PushRejected) -> str:
    """Of what git says over many lines, the one that tells why."""
    lines = str(error).splitlines()
    return next((line.strip(" !") for line in lines if "rejected]" in line), lines[0])
