"""A comparison of two template sets as text and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from prompts.filters import one_line
from repository.counts import count

if TYPE_CHECKING:
    from console.comparison.comparison import Comparison
    from console.comparison.trials import Case, Trial


def describe(comparison: "Comparison") -> Iterator[str]:
    """Yield the lines about a comparison of at least one issue: first what got worse."""
    from console.comparison.wording import describe_changes, describe_measures

    yield describe_changes(comparison)
    for case in comparison.cases:
        if case.change != "same":
            yield f"  {describe_case(case)}"
    yield ""
    statistics = comparison.statistics
    yield f"{'':<10} {'A':>10} {'B':>10} {'B - A':>12}  95 %"
    for row in describe_measures(statistics):
        yield f"{row.name:<10} {row.a:>10} {row.b:>10} {row.difference:>12}  {row.interval}"
    yield (
        f"only A resolved {statistics.only_a}, only B {statistics.only_b}:"
        f" McNemar p = {statistics.mcnemar_p:.3f} over {count(statistics.issues, 'issue')}"
    )


def describe_case(case: "Case") -> str:
    """Return ``worse: octo/repo#42, red to green -> no_fix (run 5c0b7e9c.../0)``."""
    issue = one_line(case.issue)
    return f"{case.change}: {issue}, {case.a.result} -> {case.b.result} (run {case.run})"


def payload_of(comparison: "Comparison") -> dict[str, Any]:
    """Return the comparison for JSON, without the texts."""
    rows = []
    for case in comparison.cases:
        row = {"issue": case.issue_url, "run": case.run, "change": case.change}
        rows.append({**row, "a": _result(case.a), "b": _result(case.b)})
    return {
        **asdict(comparison.statistics),
        "rows": rows,
        "left_out": comparison.left_out,
        "sets": [comparison.a.set_hash, comparison.b.set_hash],
    }


def _result(trial: "Trial") -> dict[str, Any]:
    return {
        "resolved": trial.is_resolved,
        "outcome": trial.outcome,
        "verification": trial.verification,
        "reason": trial.reason,
        "cost_usd": trial.cost_usd,
        "rounds": trial.rounds,
    }
