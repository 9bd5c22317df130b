"""What was spent: by day and by repository, as the budgets count it."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.responses import Response

from console.html.bars import Lane, compare_amounts
from console.runs.phrases import usd
from console.web.visits import Visit
from pipeline.money import to_usd
from pipeline.store.reader import StoreReader

#: Days that are shown; one query each.
DAYS = 14
#: Repositories that are shown by name; the others are added up.
MAX_REPOSITORIES = 20


@dataclass(frozen=True)
class Spend:
    days: tuple[Lane, ...]
    """The newest first."""
    repositories: tuple[Lane, ...]
    """The most expensive first."""
    total_usd: float


def show(visit: Visit) -> Response:
    visit.check_operator()
    today = datetime.fromtimestamp(visit.services.clock(), UTC)
    days = [(today - timedelta(days=ago)).date().isoformat() for ago in range(DAYS)]
    return visit.page("spend", spend=read_spend(visit.services.store, days))


def read_spend(store: StoreReader, days: list[str]) -> Spend:
    """Read what these days (``YYYY-MM-DD``, UTC) have cost; one query a day."""
    by_day: list[tuple[str, float, str]] = []
    by_repository: Counter[str] = Counter()
    total = 0
    for day in days:
        of_day = store.spent_by_repository(day)
        by_repository.update(of_day)
        micro_usd = sum(of_day.values())
        total += micro_usd
        by_day.append(_row(day, micro_usd))
    named = by_repository.most_common(MAX_REPOSITORIES)
    repositories = [_row(name, micro_usd) for name, micro_usd in named]
    others = total - sum(micro_usd for _, micro_usd in named)
    if others:
        number = len(by_repository) - len(named)
        repositories.append(_row(f"{number} others", others))
    return Spend(compare_amounts(by_day), compare_amounts(repositories), to_usd(total))


def _row(label: str, micro_usd: int) -> tuple[str, float, str]:
    amount = to_usd(micro_usd)
    return label, amount, usd(amount)
