"""What ``jobs stats --plot`` draws."""

from collections.abc import Sequence

from console.history.plot import PlotRow, SharePlot
from console.history.statistics import Grouping, GroupStatistics
from console.history.wording import describe_group
from pipeline.outcome import Outcome, Verification
from repository.counts import count


def plot_outcomes(statistics: GroupStatistics) -> SharePlot:
    """Plot the share of each outcome, and of the proof "red to green"."""
    rows = [PlotRow(name, [share]) for name, share in statistics.outcomes.items()]
    rows.append(PlotRow(Verification.RED_TO_GREEN.value, [statistics.red_to_green]))
    finished = count(statistics.runs - statistics.unfinished, "run")
    return SharePlot(f"How {finished} ended", ["share, with 95 % interval"], rows)


def plot_groups(grouping: Grouping, groups: Sequence[GroupStatistics]) -> SharePlot:
    """Plot the pull requests and the proofs "red to green" of each group."""
    rows = []
    for group in groups:
        shares = [group.outcome(Outcome.PR_OPENED), group.red_to_green]
        rows.append(PlotRow(describe_group(group, grouping), shares))
    series = ["pull request opened", Verification.RED_TO_GREEN.value]
    return SharePlot(f"Results by {grouping}, with 95 % intervals", series, rows)
