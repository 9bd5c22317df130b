"""Two template sets compared on the same issues, in the order in which people look at it."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.comparison.paired_statistics import PairedStatistics, summarize
from console.comparison.trials import Case, Change, is_complete
from console.html.diffs import FileDiff, compare_texts
from prompts.template_set import TemplateSet

#: What got worse is looked at first.
_ORDER: tuple[Change, ...] = ("worse", "better", "same")


@dataclass(frozen=True)
class Side:
    """One of the two sets."""

    name: str
    """How the person who compares calls it: a folder, a hash, or when it was used."""
    set_hash: str | None
    """None if it is not known any more."""


@dataclass(frozen=True)
class Comparison:
    a: Side
    b: Side
    template_changes: tuple[FileDiff, ...]
    """The differences of the templates; empty if one of the sets is not known."""
    cases: tuple[Case, ...]
    """Those that got worse first, then those that got better."""
    left_out: int
    """Issues that were not finished with both sets."""

    @classmethod
    def of(
        cls,
        a: Side,
        b: Side,
        cases: Sequence[Case],
        *,
        template_changes: tuple[FileDiff, ...],
        unfinished: int = 0,
    ) -> "Comparison":
        """Args:
        unfinished: issues that were begun, but not tried with both sets.
        """
        complete = [case for case in cases if is_complete(case)]
        return cls(
            a,
            b,
            template_changes,
            tuple(sorted(complete, key=lambda case: _ORDER.index(case.change))),
            left_out=len(cases) - len(complete) + unfinished,
        )

    @property
    def statistics(self) -> PairedStatistics:
        """Of at least one case."""
        return summarize(self.cases)

    def changed(self, change: Change) -> list[Case]:
        return [case for case in self.cases if case.change == change]


def compare_templates(a: TemplateSet, b: TemplateSet) -> tuple[FileDiff, ...]:
    """Return the differences of two sets' files."""
    changes: list[FileDiff] = []
    for name in sorted({*a.files, *b.files}):
        change = compare_texts(name, a.files.get(name, ""), b.files.get(name, ""))
        if change is not None:
            changes.append(change)
    return tuple(changes)
