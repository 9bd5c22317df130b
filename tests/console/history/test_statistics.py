"""Statistics of runs."""

import pytest

from console.history.records import RunRecord
from console.history.statistics import Grouping, GroupStatistics, summarize
from tests.console.history.records import record


def finished(outcome: str, **fields: object) -> RunRecord:
    return record(outcome=outcome, **fields)


def all_runs(*records: RunRecord) -> GroupStatistics:
    (statistics,) = summarize(records, None)
    return statistics


def test_without_runs_there_is_no_group() -> None:
    assert summarize([], None) == []
    assert summarize([], "model") == []


def test_shares_are_of_the_finished_runs() -> None:
    statistics = all_runs(
        finished("pr_opened", verification="red to green"),
        finished("pr_opened", verification="suite passes"),
        finished("no_fix"),
        finished("failed"),
        record(state="running"),
    )
    assert (statistics.runs, statistics.unfinished) == (5, 1)
    assert list(statistics.outcomes) == ["pr_opened", "failed", "no_fix"]
    opened = statistics.outcome("pr_opened")
    assert (opened.count, opened.of, opened.share) == (2, 4, 0.5)
    assert opened.interval == pytest.approx((0.150, 0.850), abs=1e-3)
    assert statistics.red_to_green.count == 1


def test_an_outcome_that_no_run_has_is_a_share_of_zero() -> None:
    cancelled = all_runs(finished("no_fix")).outcome("cancelled")
    assert (cancelled.count, cancelled.of, cancelled.share) == (0, 1, 0.0)


def test_a_share_of_no_runs_is_unknown() -> None:
    share = all_runs(record(state="queued")).red_to_green
    assert (share.share, share.interval) == (None, (0.0, 1.0))


def test_cost_and_time_are_those_of_finished_runs_that_asked_a_model() -> None:
    records = [finished("no_fix", cost_usd=n / 10, seconds=float(n)) for n in range(1, 11)]
    records += [finished("rejected", rounds=0, cost_usd=0.0, seconds=0.1)]
    records += [record(state="running", cost_usd=9.0, seconds=900.0)]
    statistics = all_runs(*records)
    assert (statistics.cost_usd.median, statistics.cost_usd.p90) == (0.5, 0.9)
    assert (statistics.seconds.median, statistics.seconds.p90) == (5.0, 9.0)


def test_the_total_cost_is_that_of_all_runs() -> None:
    statistics = all_runs(finished("no_fix", cost_usd=0.25), record(state="running", cost_usd=1.0))
    assert statistics.total_usd == 1.25


@pytest.mark.parametrize(
    ("grouping", "field"),
    [
        ("template", "template_set"),
        ("model", "model"),
        ("repository", "repository"),
        ("strategy", "strategy"),
    ],
)
def test_runs_are_grouped(grouping: Grouping, field: str) -> None:
    runs = [finished("no_fix", **{field: name}) for name in ("a", "b", "b")]
    groups = summarize(runs, grouping)
    assert [(group.group, group.runs) for group in groups] == [("b", 2), ("a", 1)]


def test_runs_without_a_value_are_the_last_group() -> None:
    runs = [finished("rejected"), finished("rejected"), finished("no_fix", model="m")]
    assert [group.group for group in summarize(runs, "model")] == ["m", None]
