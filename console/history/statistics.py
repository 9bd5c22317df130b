"""Statistics of runs: how they ended, with intervals, and what they cost in money and time."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from console.history.intervals import wilson
from console.history.records import RunRecord
from pipeline.metrics import percentile
from pipeline.outcome import Verification

#: What runs can be grouped by.
Grouping = Literal["template", "model", "repository", "strategy", "type"]


class _Statistic(BaseModel):
    model_config = ConfigDict(frozen=True)


class Share(_Statistic):
    """How many of a number of runs, with the 95 % interval of the share."""

    count: int
    of: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def share(self) -> float | None:
        """0 to 1; None of no runs."""
        return self.count / self.of if self.of else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.count, self.of)


class Spread(_Statistic):
    """How a value is spread over runs; None if there are none."""

    median: float | None
    p90: float | None

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        if not values:
            return cls(median=None, p90=None)
        return cls(median=percentile(values, 0.5), p90=percentile(values, 0.9))


class GroupStatistics(_Statistic):
    """The statistics of the runs that have in common what they are grouped by."""

    group: str | None
    """What they have in common; None for runs without such a value, or for all runs."""
    runs: int
    unfinished: int
    outcomes: dict[str, Share]
    """By outcome, the most frequent first; of the finished runs."""
    red_to_green: Share
    """Of the finished runs."""
    total_usd: float
    """Of all runs."""
    cost_usd: Spread
    """Of the finished runs that asked a model."""
    seconds: Spread
    """Seconds of work of the same runs."""

    def outcome(self, name: str) -> Share:
        return self.outcomes.get(name, Share(count=0, of=self.runs - self.unfinished))


@dataclass
class _Tally:
    """The runs of a group, counted."""

    runs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    red_to_green: int = 0
    total_usd: float = 0.0
    costs: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, record: RunRecord) -> None:
        self.runs += 1
        self.total_usd += record.cost_usd
        if record.outcome is None:
            return
        self.outcomes[record.outcome] += 1
        if record.verification == Verification.RED_TO_GREEN:
            self.red_to_green += 1
        if record.rounds:
            self.costs.append(record.cost_usd)
            self.seconds.append(record.seconds)

    def statistics(self, group: str | None) -> GroupStatistics:
        finished = self.outcomes.total()
        outcomes = {}
        by_frequency = sorted(self.outcomes.items(), key=lambda entry: (-entry[1], entry[0]))
        for outcome, count in by_frequency:
            outcomes[outcome] = Share(count=count, of=finished)
        return GroupStatistics(
            group=group,
            runs=self.runs,
            unfinished=self.runs - finished,
            outcomes=outcomes,
            red_to_green=Share(count=self.red_to_green, of=finished),
            total_usd=self.total_usd,
            cost_usd=Spread.of(self.costs),
            seconds=Spread.of(self.seconds),
        )


def summarize(records: Iterable[RunRecord], grouping: Grouping | None) -> list[GroupStatistics]:
    """Return the statistics of each group, the one with the most runs first and the one without a
    name last. With ``grouping`` None, all runs are one group; without runs there is none.
    """
    tallies: dict[str | None, _Tally] = {}
    for record in records:
        group = _group(record, grouping)
        tallies.setdefault(group, _Tally()).add(record)
    statistics = [tally.statistics(group) for group, tally in tallies.items()]
    return sorted(statistics, key=lambda group: (group.group is None, -group.runs))


def _group(record: RunRecord, grouping: Grouping | None) -> str | None:
    match grouping:
        case None:
            return None
        case "template":
            return record.template_set
        case "model":
            return record.model
        case "repository":
            return record.repository
        case "strategy":
            return record.strategy
        case "type":
            return record.type
