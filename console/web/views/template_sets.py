"""The template sets: which is current, what each achieved, and how two of them differ."""

from dataclasses import dataclass

from starlette.responses import Response

from console.comparison.comparison import compare_templates
from console.history.runs import run_record
from console.history.statistics import GroupStatistics, summarize
from console.history.wording import describe_share
from console.web.visits import Visit
from pipeline.api.problem import Refusal
from pipeline.outcome import Outcome
from pipeline.template_sets import TemplateSets
from prompts.template_set import TemplateError, TemplateSet

#: The newest runs, from which the statistics are made.
MAX_RUNS = 1_000


@dataclass(frozen=True)
class SetLine:
    """A template set, and what the runs that used it achieved."""

    set_hash: str
    is_current: bool
    statistics: GroupStatistics | None
    """None if no recent run has used it."""

    @property
    def pull_requests(self) -> str:
        """The share of the runs that opened a pull request, with its interval."""
        if self.statistics is None:
            return ""
        return describe_share(self.statistics.outcome(Outcome.PR_OPENED))

    @property
    def red_to_green(self) -> str:
        """The share of the runs whose tests prove the fix, with its interval."""
        return describe_share(self.statistics.red_to_green) if self.statistics is not None else ""


def show(visit: Visit) -> Response:
    visit.check_operator()
    rows = visit.services.store.runs(limit=MAX_RUNS)
    groups = summarize((run_record(row) for row in rows), "template")
    by_hash = {group.group: group for group in groups if group.group is not None}
    hashes = visit.services.template_sets.hashes()
    lines = [
        SetLine(set_hash, is_current=number == 0, statistics=by_hash.get(set_hash))
        for number, set_hash in enumerate(hashes)
    ]
    return visit.page("template_sets", lines=lines, runs=len(rows))


def show_difference(visit: Visit) -> Response:
    """Show how the templates of one set differ from those of another."""
    visit.check_operator()
    sets = visit.services.template_sets
    before = _read_set(sets, visit.parameter("before"))
    after = _read_set(sets, visit.parameter("after"))
    return visit.page(
        "template_sets_difference",
        before=before.set_hash,
        after=after.set_hash,
        changes=compare_templates(before, after),
    )


def _read_set(sets: TemplateSets, set_hash: str) -> TemplateSet:
    if not set_hash:
        raise Refusal(422, "invalid_choice", "choose two template sets")
    try:
        return sets.get(set_hash)
    except (TemplateError, ValueError) as error:
        raise Refusal(404, "not_found", str(error)) from error
