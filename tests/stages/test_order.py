from pathlib import Path
from typing import Any

from pipeline.job import FIX_ISSUE
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.order import ORDERS, StageTools, compose
from stages.run_tests import Verdict


def test_the_stages_fit_together_in_their_order() -> None:
    none: Any = None
    tools = StageTools(
        forge=none,
        conversation=none,
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
        comment_authors=none,
        commit_author=none,
        page_url=None,
    )
    assert [pipeline.names for pipeline in compose(tools).values()] == [
        list(order.names) for order in ORDERS.values()
    ]


def test_each_stage_but_the_last_has_a_result_type() -> None:
    for order in ORDERS.values():
        assert list(order.result_types) == list(order.names[:-1])
    results = ORDERS[FIX_ISSUE].result_types
    assert results["fetch_issue"] is Issue
    assert results["checkout"] is Checkout
    assert results["run_tests"] is Verdict
