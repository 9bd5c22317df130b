"""The list of runs: filtered, searched, a page at a time."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.responses import Response

from console.web.views.run_lines import linked_lines
from console.web.views.running import read_running
from console.web.visits import Visit
from pipeline.api.problem import Refusal
from pipeline.outcome import Outcome
from pipeline.store.contract import RunFilter, place_at

PAGE = 50
STATES = ("queued", "running", *(outcome.value for outcome in Outcome))


@dataclass(frozen=True)
class ListQuery:
    """What the address asks for; each field is empty if it does not matter."""

    outcome: str = ""
    repository: str = ""
    model: str = ""
    template_set: str = ""
    day: str = ""
    """``YYYY-MM-DD``, UTC"""
    before: str = ""
    """The place after which the page begins."""

    @classmethod
    def read(cls, visit: Visit) -> "ListQuery":
        """Read the parameters of the address.

        Raises:
            Refusal: 422, an outcome or a day that there is not, or a text that is too long.
        """
        query = cls(**{field.name: visit.parameter(field.name) for field in fields(cls)})
        if query.outcome and query.outcome not in STATES:
            message = f"outcome: {query.outcome!r} is none of {', '.join(STATES)}"
            raise Refusal(422, "invalid_filter", message)
        query.first_moment()
        return query

    def first_moment(self) -> float | None:
        """Return when the day begins; None without a day."""
        if not self.day:
            return None
        try:
            return datetime.strptime(self.day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
        except (ValueError, OverflowError) as error:
            message = f"day: {self.day!r} is not a day such as 2026-01-31"
            raise Refusal(422, "invalid_filter", message) from error

    @property
    def end(self) -> str | None:
        """The place in the list before which all runs of the page are."""
        if self.before:
            return self.before
        first = self.first_moment()
        return place_at(first + timedelta(days=1).total_seconds()) if first is not None else None

    def chosen(self, owner: str | None) -> RunFilter:
        return RunFilter(
            outcome=self.outcome or None,
            repository=self.repository.lower() or None,
            owner=owner,
            model=self.model or None,
            template_set=self.template_set or None,
            since=self.first_moment(),
        )

    @property
    def is_filtered(self) -> bool:
        return any((self.outcome, self.repository, self.model, self.template_set, self.day))

    def address(self, before: str = "") -> str:
        """Return the address of the same list, beginning after a place."""
        values = {**vars(self), "before": before}
        return "/?" + urlencode({name: value for name, value in values.items() if value})


def show(visit: Visit) -> Response:
    """Show a page of runs, and above the first one what runs now."""
    query = ListQuery.read(visit)
    chosen = query.chosen(visit.owner)
    rows = visit.services.store.runs(chosen, before=query.end, limit=PAGE + 1)
    has_older = len(rows) > PAGE
    rows = rows[:PAGE]
    is_start = not query.before and not query.is_filtered
    return visit.page(
        "runs",
        query=query,
        states=STATES,
        sets=visit.services.template_sets.hashes() if visit.is_operator else [],
        lines=linked_lines(rows),
        older=query.address(rows[-1].place) if has_older else "",
        running=read_running(visit) if is_start else None,
        sentence="whole",
    )
