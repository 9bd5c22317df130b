"""The dates that limit which package releases are installed."""

from datetime import UTC, datetime, timedelta

from repository.testing.install.interpreters import release_date
from repository.testing.models import Recipe

#: Days until packages support a new version of Python.
_ADOPTION_DAYS = 540


def month_end(committed_at: int) -> datetime:
    """Return the end of a commit's month, so that commits of a month share an environment."""
    commit = datetime.fromtimestamp(committed_at, UTC)
    first_day = commit.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first_day + timedelta(days=32)).replace(day=1)


def package_dates(recipe: Recipe, now: datetime) -> list[datetime]:
    """Return the dates to try, in order.

    They are the end of the commit's month; the date at which packages supported the interpreter, if
    it is newer; and a year after the commit, for requirements that were not yet released.
    """
    commit = min(month_end(recipe.committed_at), now)
    interpreter = release_date(int(recipe.python.split(".")[1]))
    adopted = min(interpreter + timedelta(days=_ADOPTION_DAYS), now)
    year_later = min(commit + timedelta(days=365), now)
    later = [date for date in (adopted, year_later) if date > commit]
    return [commit, *sorted(later)]
