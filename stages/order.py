"""The stages of each type of job, in the order in which they run. A new stage is one entry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from pipeline.job import ADDRESS_REVIEW, FIX_ISSUE, JobType
from pipeline.stage import Pipeline, Stage, result_type
from repository.testing.install.tools import BuildTools
from stages.address_review import (
    CheckoutPull,
    FetchReview,
    ProposeFollowUp,
    PushFollowUp,
    RecallIssue,
)
from stages.apply_patch import ApplyPatch
from stages.build_context import BuildContext
from stages.checkout import CheckoutStage
from stages.fetch_issue import FetchIssue
from stages.open_pr import CommitPeople, OpenPullRequest
from stages.prepare_tests import PrepareTests
from stages.propose_patch import ProposePatch
from stages.run_tests import CandidateJudge, RunTests
from stages.tools import StageTools


@dataclass(frozen=True)
class Entry:
    """A stage's class and its factory."""

    stage: type[Stage]
    build: Callable[[StageTools], Stage]


def _build_tools(tools: StageTools) -> BuildTools:
    return BuildTools(
        tools.sandbox,
        pythons=tools.pythons,
        uv=tools.uv,
        cache=tools.cache,
        index=tools.index,
    )


def _prepare_tests(tools: StageTools) -> PrepareTests:
    return PrepareTests(
        tools.mirrors, _build_tools(tools), fetch_for_private=tools.fetch_for_private
    )


def _propose_patch(tools: StageTools) -> ProposePatch:
    return ProposePatch(
        tools.buyer,
        tools.templates,
        tools.mirrors,
        tools.sandbox,
        plan=tools.plan,
        edits=tools.edits,
    )


def _run_tests(tools: StageTools) -> RunTests:
    judge = CandidateJudge(tools.buyer, tools.templates)
    return RunTests(
        tools.mirrors, _build_tools(tools), judge, fetch_for_private=tools.fetch_for_private
    )


def _open_pr(tools: StageTools) -> OpenPullRequest:
    return OpenPullRequest(
        tools.forge,
        tools.mirrors,
        tools.templates,
        tools.commits,
        tools.pulls,
        accounts=tools.co_authors,
    )


def _fetch_issue(tools: StageTools) -> FetchIssue:
    return FetchIssue(tools.forge, tools.conversation, tools.accounts, tools.issue_rules)


def _checkout(tools: StageTools) -> CheckoutStage:
    return CheckoutStage(tools.forge, tools.mirrors)


def _fetch_review(tools: StageTools) -> FetchReview:
    review = tools.for_review
    return FetchReview(review.conversation, review.accounts, review.history, review.limits)


def _checkout_pull(tools: StageTools) -> CheckoutPull:
    return CheckoutPull(tools.forge, tools.mirrors, tools.for_review.history)


def _propose_follow_up(tools: StageTools) -> ProposeFollowUp:
    return ProposeFollowUp(_propose_patch(tools), tools.mirrors)


def _push_follow_up(tools: StageTools) -> PushFollowUp:
    review = tools.for_review
    return PushFollowUp(
        review.conversation,
        review.accounts,
        tools.mirrors,
        tools.templates,
        tools.commits,
        CommitPeople(tools.pulls.sign_off, tools.co_authors),
    )


@dataclass(frozen=True)
class Order:
    """The stages of one type of job."""

    entries: tuple[Entry, ...]
    admitted_after: str
    """A run can be rejected until this stage has run; after it, the run has started and may cost
    money.
    """

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.stage.name for entry in self.entries)

    @property
    def result_types(self) -> dict[str, type[BaseModel]]:
        """The type of each stage's result, by stage name. The last stage has none."""
        results: dict[str, type[BaseModel]] = {}
        for entry in self.entries:
            result = result_type(entry.stage)
            if result is not None:
                results[entry.stage.name] = result
        return results

    def compose(self, tools: StageTools) -> Pipeline:
        stages = [entry.build(tools) for entry in self.entries]
        return Pipeline(stages, admitted_after=self.admitted_after)


_FIX_ISSUE = (
    Entry(FetchIssue, _fetch_issue),
    Entry(CheckoutStage, _checkout),
    Entry(BuildContext, lambda tools: BuildContext(tools.mirrors)),
    Entry(PrepareTests, _prepare_tests),
    Entry(ProposePatch, _propose_patch),
    Entry(ApplyPatch, lambda tools: ApplyPatch(tools.mirrors, tools.edits)),
    Entry(RunTests, _run_tests),
    Entry(OpenPullRequest, _open_pr),
)

_ADDRESS_REVIEW = (
    Entry(FetchReview, _fetch_review),
    Entry(RecallIssue, lambda tools: RecallIssue(tools.for_review.history)),
    Entry(CheckoutPull, _checkout_pull),
    Entry(BuildContext, lambda tools: BuildContext(tools.mirrors)),
    Entry(PrepareTests, _prepare_tests),
    Entry(ProposeFollowUp, _propose_follow_up),
    Entry(ApplyPatch, lambda tools: ApplyPatch(tools.mirrors, tools.edits)),
    Entry(RunTests, _run_tests),
    Entry(PushFollowUp, _push_follow_up),
)

ORDERS: Mapping[JobType, Order] = {
    FIX_ISSUE: Order(_FIX_ISSUE, admitted_after=CheckoutStage.name),
    ADDRESS_REVIEW: Order(_ADDRESS_REVIEW, admitted_after=CheckoutPull.name),
}


def _all_names() -> tuple[str, ...]:
    """Return the names of the stages of all types of jobs, each once."""
    names: dict[str, None] = {}
    for order in ORDERS.values():
        names.update(dict.fromkeys(order.names))
    return tuple(names)


NAMES: tuple[str, ...] = _all_names()


def compose(tools: StageTools) -> dict[JobType, Pipeline]:
    """Return the pipeline of each type of job that the tools suffice for."""
    pipelines: dict[JobType, Pipeline] = {}
    for job_type, order in ORDERS.items():
        if job_type != ADDRESS_REVIEW or tools.review is not None:
            pipelines[job_type] = order.compose(tools)
    return pipelines
