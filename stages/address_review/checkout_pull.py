"""The stage ``checkout`` of a follow-up: the base of the pull request's change, and its head.

The tests compare the whole pull request with that base, as they did when it was opened.
"""

import asyncio

from pipeline.github import Forge, ForgeRefused
from pipeline.github.access import find_access_refusal
from pipeline.job import IssueRef
from pipeline.outcome import Outcome
from pipeline.pull_history import PullHistory
from pipeline.stage import RunContext, Stop
from repository.git import GitRefused, GitUnauthorized, Mirror, Mirrors
from stages.address_review.recall_issue import NOT_STORED
from stages.address_review.review import Review
from stages.address_review.source import read_checkout
from stages.checkout import (
    Checkout,
    CheckoutStage,
    PullHead,
    fetch_commits,
    obey_policy,
    read_config,
)
from stages.fetch_issue import Issue


class CheckoutPull:
    name = CheckoutStage.name

    def __init__(self, forge: Forge, mirrors: Mirrors, history: PullHistory):
        self._forge = forge
        self._mirrors = mirrors
        self._history = history

    async def run(self, issue: Issue, review: Review, run: RunContext) -> Checkout | Stop:
        earlier = await asyncio.to_thread(read_checkout, self._history, review.source)
        if earlier is None:
            return Stop(Outcome.REJECTED, NOT_STORED)
        ref = IssueRef.parse(issue.url)
        mirror = await asyncio.to_thread(run.hold, self._mirrors.using(earlier.repository))
        try:
            return await asyncio.to_thread(self._check_out, mirror, ref, earlier, review)
        except GitUnauthorized:
            raise  # the deployment's credentials: the run waits until they are replaced
        except (ForgeRefused, GitRefused) as error:
            return Stop(Outcome.REJECTED, str(error))

    def _check_out(
        self, mirror: Mirror, ref: IssueRef, earlier: Checkout, review: Review
    ) -> Checkout | Stop:
        """Fetch both commits, after a look at the rights that the run will need, and at what the
        repository says now. Blocks.
        """
        refusal = find_access_refusal(self._forge, ref, review.branch)
        if refusal is not None:
            return Stop(Outcome.REJECTED, refusal)
        head = PullHead(sha=review.head_sha, url=self._forge.push_url(ref))
        checkout = earlier.model_copy(update={"head": head})
        admitted = self._obey_policy(mirror, ref, checkout)
        if isinstance(admitted, Checkout):
            fetch_commits(mirror, admitted)
        return admitted

    def _obey_policy(self, mirror: Mirror, ref: IssueRef, checkout: Checkout) -> Checkout | Stop:
        """Read the default branch again: what it says may have been written because of this pull
        request.
        """
        branch = self._forge.repository(ref).default_branch
        mirror.fetch(checkout.clone_url, {branch}, partial=checkout.partial)
        sha = mirror.branch(branch)
        if sha is None:
            return checkout
        config = read_config(mirror, checkout.clone_url, sha)
        return obey_policy(mirror, checkout.model_copy(update={"config": config}), sha)

    async def restore(self, result: Checkout, run: RunContext) -> None:
        """Fetch the recorded commits into this machine's mirror."""
        mirror = await asyncio.to_thread(run.hold, self._mirrors.using(result.repository))
        await asyncio.to_thread(fetch_commits, mirror, result)
