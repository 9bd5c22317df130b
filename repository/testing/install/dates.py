"""The dates that limit which package releases are installed."""

from datetime import UTC, datetime, timedelta

from repository.testing.install.interpreters import release_date
from repository.testing.models import Recipe

#: Days until packages support a new version of Python.
_ADOPTION_DAYS = 540
_YEAR = timedelta(days=365)


def month_end(committed_at: int) -> datetime:
    """Return the end of a commit's month, so that commits of a month share an environment."""
    commit = datetime.fromtimestamp(committed_at, UTC)
    first_day = commit.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first_day + timedelta(days=32)).replace(day=1)


def package_dates(recipe: Recipe, now: datetime) -> list[datetime]:
    """Return the dates to try, in order.

    They are the recipe's; the date at which packages supported the interpreter, if
    it is newer; and a year after the commit, for requirements that were not yet released.
    """
    first = first_date(recipe, now)
    minor = int(recipe.python.split(".")[1])
    adopted = release_date(minor) + timedelta(days=_ADOPTION_DAYS)
    year_later = first + _YEAR
    later = [min(date, now) for date in (adopted, year_later)]
    return [first, *sorted(date for date in later if date > first)]


def first_date(recipe: Recipe, now: datetime) -> datetime:
    """Return the date that the recipe names for its packages."""
    if recipe.packages == "day":
        commit = datetime.fromtimestamp(recipe.committed_at, UTC)
        midnight = commit.replace(hour=0, minute=0, second=0)
        return min(midnight + timedelta(days=1), now)
    month = month_end(recipe.committed_at)
    if recipe.packages == "later":
        return min(month + _YEAR, now)
    return min(month, now)
