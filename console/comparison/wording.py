"""A comparison in sentences."""

from collections.abc import Callable
from dataclasses import dataclass

from console.comparison.comparison import Comparison
from console.comparison.paired_statistics import Measure, PairedStatistics
from repository.counts import count


@dataclass(frozen=True)
class MeasureRow:
    """A measure as a row of a table."""

    name: str
    a: str
    b: str
    difference: str
    interval: str


def describe_changes(comparison: Comparison) -> str:
    """Return ``1 issue got worse, 2 got better, 7 stayed the same``."""
    worse = count(len(comparison.changed("worse")), "issue")
    better = len(comparison.changed("better"))
    same = len(comparison.changed("same"))
    return f"{worse} got worse, {better} got better, {same} stayed the same"


def describe_certainty(statistics: PairedStatistics) -> str:
    """Return what the interval says of the difference in resolved issues."""
    measure = statistics.resolved
    issues = count(statistics.issues, "issue")
    resolved = f"A resolved {measure.a:.0f} of {issues}, B {measure.b:.0f}."
    if measure.interval is None:
        return resolved
    low, high = measure.interval
    interval = f"{100 * low:+.0f} to {100 * high:+.0f} percentage points"
    if low <= 0 <= high:
        return f"{resolved} The difference may be chance: its 95 % interval is {interval}."
    return f"{resolved} The 95 % interval of the difference is {interval}."


def describe_measures(statistics: PairedStatistics) -> list[MeasureRow]:
    """Return a row for each measure, with its difference and the 95 % interval of that."""
    resolved = statistics.resolved
    return [
        MeasureRow(
            name="resolved",
            a=f"{resolved.a:.0f}",
            b=f"{resolved.b:.0f}",
            difference=f"{100 * resolved.difference:+.0f} points",
            interval=_interval(resolved, lambda share: f"{100 * share:+.0f}", " points"),
        ),
        _mean_row("cost", statistics.cost_usd, "${:.4f}", "{:+.4f}"),
        _mean_row("rounds", statistics.rounds, "{:.2f}", "{:+.2f}"),
    ]


def _mean_row(name: str, measure: Measure, value: str, difference: str) -> MeasureRow:
    """Return a row whose values and differences are written in these formats."""
    return MeasureRow(
        name=name,
        a=value.format(measure.a),
        b=value.format(measure.b),
        difference=difference.format(measure.difference),
        interval=_interval(measure, difference.format),
    )


def _interval(measure: Measure, describe: Callable[[float], str], unit: str = "") -> str:
    if measure.interval is None:
        return "too few issues"
    low, high = measure.interval
    return f"{describe(low)} to {describe(high)}{unit}"
