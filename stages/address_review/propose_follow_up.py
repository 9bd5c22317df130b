"""The stage ``propose_patch`` of a follow-up: the model goes on with its change, for the review."""

import asyncio

from pipeline.stage import Back, RunContext, Stop
from repository.git import Mirrors
from repository.testing.models import Suite
from stages.address_review.review import Review
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.propose_patch import Proposals, ProposePatch


class ProposeFollowUp:
    name = ProposePatch.name

    def __init__(self, proposer: ProposePatch, mirrors: Mirrors):
        self._proposer = proposer
        self._mirrors = mirrors

    async def run(
        self,
        review: Review,
        issue: Issue,
        checkout: Checkout,
        context: Context,
        suite: Suite,
        run: RunContext,
    ) -> Proposals | Back | Stop:
        mirror = self._mirrors.at(checkout.repository)
        tree = await asyncio.to_thread(mirror.tree_of, review.head_sha)
        follow_up = review.follow_up(tree)
        return await self._proposer.propose(
            issue, checkout, context, suite, run, follow_up=follow_up
        )
