"""Statistics of runs as text, within 80 columns on a terminal."""

import sys
from collections.abc import Sequence

from console.history.statistics import Grouping, GroupStatistics, Share, Spread
from console.history.wording import describe_group, describe_share, shorten
from console.runs.phrases import duration, usd
from pipeline.outcome import Outcome, Verification
from repository.counts import count

Row = list[str]

_NAME_WIDTH = 22
"""Of a group's name on a terminal. Elsewhere, names are whole."""


def describe_all(statistics: GroupStatistics) -> list[str]:
    """Return the lines about all runs together."""
    runs = count(statistics.runs, "run")
    ended = statistics.runs - statistics.unfinished
    spent = usd(statistics.total_usd)
    results = [["", "runs", "share [95 %]"]]
    for name, share in statistics.outcomes.items():
        results.append(_share_row(name, share))
    results.append(_share_row(Verification.RED_TO_GREEN.value, statistics.red_to_green))
    spending = [
        ["", "median", "90 %"],
        ["cost", *_money(statistics.cost_usd)],
        ["time", *_times(statistics.seconds)],
    ]
    return [
        f"{runs}: {ended} ended, {statistics.unfinished} unfinished; {spent} in all",
        "",
        *_aligned(results),
        "",
        *_aligned(spending),
    ]


def describe_groups(grouping: Grouping, groups: Sequence[GroupStatistics]) -> list[str]:
    """Return the lines of two tables with a row for each group: results, then money and time."""
    results = [[grouping, "runs", "PR opened", "red to green", "failed"]]
    spending = [[grouping, "spent", "a run", "90 %", "time", "90 %"]]
    for group in groups:
        name = _name(group, grouping)
        results.append(_result_row(name, group))
        spending.append(_spending_row(name, group))
    return [*_aligned(results), "", *_aligned(spending)]


def _name(group: GroupStatistics, grouping: Grouping) -> str:
    name = describe_group(group, grouping)
    return shorten(name, _NAME_WIDTH) if sys.stdout.isatty() else name


def _share_row(name: str, share: Share) -> Row:
    return [name, str(share.count), describe_share(share)]


def _result_row(name: str, group: GroupStatistics) -> Row:
    opened = group.outcome(Outcome.PR_OPENED)
    failed = group.outcome(Outcome.FAILED)
    return [
        name,
        str(group.runs),
        describe_share(opened),
        describe_share(group.red_to_green),
        str(failed.count),
    ]


def _spending_row(name: str, group: GroupStatistics) -> Row:
    return [
        name,
        usd(group.total_usd),
        *_money(group.cost_usd),
        *_times(group.seconds),
    ]


def _money(spread: Spread) -> Row:
    if spread.median is None or spread.p90 is None:
        return ["-", "-"]
    return [usd(spread.median), usd(spread.p90)]


def _times(spread: Spread) -> Row:
    if spread.median is None or spread.p90 is None:
        return ["-", "-"]
    return [duration(spread.median), duration(spread.p90)]


def _aligned(rows: Sequence[Row]) -> list[str]:
    """Return the rows as lines, the first column aligned on the left, the others on the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in rows:
        line = row[0].ljust(widths[0])
        for cell, width in zip(row[1:], widths[1:], strict=True):
            line += f"  {cell:>{width}}"
        lines.append(line)
    return lines
