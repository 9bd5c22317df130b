from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.github.commit_identity import CommitIdentity
from pipeline.job import ADDRESS_REVIEW, FIX_ISSUE
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.open_pr import PullSettings
from stages.order import ORDERS, compose
from stages.run_tests import Verdict
from stages.tools import ReviewTools, StageTools


def _tools() -> StageTools:
    none: Any = None
    return StageTools(
        forge=none,
        mirrors=none,
        sandbox=none,
        buyer=none,
        plan=none,
        templates=none,
        pythons=(),
        uv=Path(),
        cache=Path(),
        index={},
        fetch_for_private=False,
        protected=(),
        issue_rules=none,
        commits=CommitIdentity(none),
        review=ReviewTools(none, none, none, none),
        pulls=PullSettings(),
        co_authors=None,
    )


def test_the_stages_fit_together_in_their_order() -> None:
    assert [pipeline.names for pipeline in compose(_tools()).values()] == [
        list(order.names) for order in ORDERS.values()
    ]


def test_without_github_there_is_no_pipeline_for_reviews() -> None:
    tools = replace(_tools(), review=None)
    assert list(compose(tools)) == [FIX_ISSUE]


def test_stages_of_the_same_name_give_the_same_result() -> None:
    fix = ORDERS[FIX_ISSUE].result_types
    review = ORDERS[ADDRESS_REVIEW].result_types
    for name in fix.keys() & review.keys():
        assert fix[name] is review[name]


def test_each_stage_but_the_last_has_a_result_type() -> None:
    for order in ORDERS.values():
        assert list(order.result_types) == list(order.names[:-1])
    results = ORDERS[FIX_ISSUE].result_types
    assert results["fetch_issue"] is Issue
    assert results["checkout"] is Checkout
    assert results["run_tests"] is Verdict
