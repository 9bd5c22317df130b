"""Push the branch and open the pull request, so that twice equals once; or, where nothing is pushed, keep the patch."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from pipeline.git import Identity, Mirror, Mirrors, PushRejected
from pipeline.github import Forge, NewPull, PullRequest
from pipeline.outcome import Facts, Outcome
from pipeline.stage import RunContext, Stop
from prompts import TemplateSet
from stages.apply_patch import Candidate, Candidates
from stages.checkout import Checkout, branch_name
from stages.fetch_issue import Issue
from stages.propose_patch import Proposals
from stages.run_tests import Verdict

#: Who the commits are by. GitHub shows the name; the address receives no mail.
AUTHOR = Identity("coding-agent", "coding-agent@users.noreply.github.com")


class OpenPullRequest:
    name = "open_pr"

    def __init__(self, forge: Forge, mirrors: Mirrors, templates: TemplateSet):
        self._forge, self._mirrors, self._templates = forge, mirrors, templates

    async def run(
        self, issue: Issue, checkout: Checkout, proposals: Proposals, candidates: Candidates, verdict: Verdict,
        run: RunContext,
    ) -> Stop:  # fmt: skip
        candidate = candidates.candidates[verdict.candidate]
        facts = Facts(verification=verdict.verification, artifacts={"patch": candidate.patch_key})
        if run.job.options.dry_run:
            return Stop(Outcome.PROPOSED, f"{verdict.verification}; nothing was pushed, as asked", facts)
        mirror = self._mirrors.at(checkout.repository)
        plan = await run.intend("push", await self._plan(issue, checkout, candidate, verdict, proposals, run))
        sha = await asyncio.to_thread(_commit, mirror, checkout, candidate, plan)
        if sha != plan["sha"]:
            raise AssertionError(f"the stored intention names commit {plan['sha']}, its bytes give {sha}")
        facts = facts.merged(Facts(branch=plan["branch"]))
        ours = {str(past["sha"]) for past in await run.past("push")}
        try:
            await asyncio.to_thread(_push, mirror, checkout.clone_url, plan, ours)
        except PushRejected as error:
            return Stop(Outcome.PROPOSED, f"nothing was pushed: {error}", facts)
        await run.record("push", {"sha": sha})
        if not self._forge.opens_pulls:
            return Stop(
                Outcome.PROPOSED, f"{verdict.verification}; branch {plan['branch']} is in the repository", facts
            )
        pull = await asyncio.to_thread(self._open, run, plan, checkout.base_branch)
        await run.record("pull_request", {"number": pull.number, "url": pull.url})
        facts = facts.merged(Facts(pull_request_url=pull.url, pull_request_number=pull.number))
        return Stop(Outcome.PR_OPENED, f"pull request #{pull.number}: {verdict.verification}", facts)

    async def _plan(
        self, issue: Issue, checkout: Checkout, candidate: Candidate, verdict: Verdict, proposals: Proposals,
        run: RunContext,
    ) -> dict[str, Any]:  # fmt: skip
        """Everything that the world will see, to the byte, before any of it is done."""
        said = {
            "issue_number": issue.number, "issue_url": issue.url, "title": issue.title,
            "summary": candidate.summary, "verification": verdict.verification.value, "reason": verdict.reason,
            "fixed": verdict.fixed, "still_failing": verdict.still_failing, "ran": verdict.ran,
            "base_branch": checkout.base_branch, "base_sha": checkout.base_sha,
            "model": proposals.proposals[candidate.proposal].model, "rounds": run.round,
            "cost_usd": await run.ledger.cost_usd(), "template_set": proposals.template_set,
            "templates": proposals.templates, "job_id": run.job_id, "generation": run.generation,
        }  # fmt: skip
        plan: dict[str, Any] = {
            "branch": branch_name(issue.number, run.job_id),
            "seconds": int(datetime.now(UTC).timestamp()),
            "message": self._templates.render("commit_message", **said),
            "title": self._templates.render("pull_request_title", **said).strip(),
            "body": self._templates.render("pull_request", **said),
        }
        mirror = self._mirrors.at(checkout.repository)
        return plan | {"sha": await asyncio.to_thread(_commit, mirror, checkout, candidate, plan)}

    def _open(self, run: RunContext, plan: dict[str, Any], base: str) -> PullRequest:
        """Look first: one that is open for the branch is brought up to date; a closed one of this very run stands."""
        ref = run.job.issue
        marker = f"job={run.job_id} generation={run.generation}"
        for pull in self._forge.find_pulls(ref, plan["branch"]):
            if pull.state == "open":
                if pull.body == plan["body"]:
                    return pull
                return self._forge.update_pull(ref, pull.number, title=plan["title"], body=plan["body"])
            if marker in pull.body:
                return pull
        options = run.job.options
        new = NewPull(
            plan["branch"], base, plan["title"], plan["body"], options.draft, options.labels, options.reviewers
        )
        return self._forge.create_pull(ref, new)


def _commit(mirror: Mirror, checkout: Checkout, candidate: Candidate, plan: dict[str, Any]) -> str:
    return mirror.commit(candidate.tree, checkout.base_sha, plan["message"], AUTHOR, plan["seconds"])


def _push(mirror: Mirror, url: str, plan: dict[str, Any], ours: set[str]) -> None:
    """Move the branch to our commit from nothing, or from a commit of an earlier generation; from no one else's.

    Raises:
        PushRejected: somebody else's commit is there.
    """
    there = mirror.remote_branch(url, plan["branch"])
    if there == plan["sha"]:
        return
    if there is not None and there not in ours:
        raise PushRejected(f"branch {plan['branch']} holds a commit that is not ours ({there[:12]})")
    mirror.push(url, plan["sha"], plan["branch"], expected=there)
