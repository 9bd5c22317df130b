"""The page of a comparison: one file that a colleague can open, without a network."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from console.comparison.comparison import Comparison
from console.comparison.trials import Case, Trial
from console.comparison.wording import (
    MeasureRow,
    describe_certainty,
    describe_changes,
    describe_measures,
)
from console.html.diffs import FileDiff, Row, compare_texts, cut_lines
from console.html.fitting import render_to_fit
from console.html.rendering import make_environment
from repository.counts import count

#: By which a file can be recognized as such a page.
GENERATOR = "coding-agent, page of a comparison"
#: Rows of a message's difference, characters of each of its lines, and of a reply or a patch.
_ROWS = 500
_LINE = 2_000
_CHARACTERS = 40_000

LineKind = Literal["added", "removed", "context"]


@dataclass(frozen=True)
class CaseView:
    """A case as the page shows it."""

    case: Case
    prompt_changes: tuple[FileDiff, ...]
    same_prompts: int
    """Messages to the model that are the same with both sets."""


def render_comparison(comparison: Comparison, redact: Callable[[str], str]) -> bytes:
    """Return the page as UTF-8. Long texts are cut, further if it would be too large.

    Args:
        redact: replaces secrets in a text.
    """
    environment = make_environment("console.comparison", redact=redact)
    environment.filters["patch_lines"] = patch_lines
    template = environment.get_template("comparison.html.j2")
    views = [_view(_redacted_case(case, redact)) for case in comparison.cases]
    certainty = ""
    measures: list[MeasureRow] = []
    if views:
        certainty = describe_certainty(comparison.statistics)
        measures = describe_measures(comparison.statistics)

    def render(divisor: int) -> str:
        return template.render(
            generator=GENERATOR,
            comparison=comparison,
            summary=describe_changes(comparison),
            certainty=certainty,
            measures=measures,
            views=[_shortened(view, _ROWS // divisor) for view in views],
            characters=_CHARACTERS // divisor,
        )

    return render_to_fit(render)


def _redacted_case(case: Case, redact: Callable[[str], str]) -> Case:
    """Return the case without secrets. This comes first: a secret may have several lines."""
    return replace(case, a=_redacted_trial(case.a, redact), b=_redacted_trial(case.b, redact))


def _redacted_trial(trial: Trial, redact: Callable[[str], str]) -> Trial:
    return replace(
        trial,
        reason=redact(trial.reason),
        prompts={place: redact(text) for place, text in trial.prompts.items()},
        replies={place: redact(text) for place, text in trial.replies.items()},
        patch=redact(trial.patch),
    )


def patch_lines(patch: str) -> list[tuple[LineKind, str]]:
    """Return the lines of a patch with what each is."""
    lines: list[tuple[LineKind, str]] = []
    for line in patch.splitlines():
        kind: LineKind = "context"
        if line.startswith("+") and not line.startswith("+++"):
            kind = "added"
        elif line.startswith("-") and not line.startswith("---"):
            kind = "removed"
        lines.append((kind, line))
    return lines


def _view(case: Case) -> CaseView:
    changes: list[FileDiff] = []
    same = 0
    for place in {**case.a.prompts, **case.b.prompts}:
        old = case.a.prompts.get(place, "")
        new = case.b.prompts.get(place, "")
        change = compare_texts(place, old, new, marked_rows=_ROWS)
        if change is None:
            same += 1
        else:
            changes.append(change)
    return CaseView(case, tuple(changes), same)


def _shortened(view: CaseView, rows: int) -> CaseView:
    changes = tuple(_cut(change, rows) for change in view.prompt_changes)
    return replace(view, prompt_changes=changes)


def _cut(change: FileDiff, rows: int) -> FileDiff:
    """Return a difference with at most this many rows, without the middle of long lines, and how
    many rows were left out.
    """
    shown = [cut_lines(row, _LINE) for row in change.rows[:rows]]
    left_out = len(change.rows) - len(shown)
    if left_out:
        shown.append(Row("gap", where=f"{count(left_out, 'line')} left out"))
    return replace(change, rows=tuple(shown))
