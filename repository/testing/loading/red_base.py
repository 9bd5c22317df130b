"""Signs in the results on the base commit that its environment is wrong, and other environments."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from repository.testing.install.dates import first_date
from repository.testing.install.interpreters import allows
from repository.testing.models import Recipe, TestReport

_RED_SHARE = 0.3
_MIN_RED = 3
_WARNING_SHARE = 0.2
_MAX_WARNINGS = 4
#: A failure for one of these is none of the environment's packages.
_NEEDS_A_SERVER = re.compile(
    r"Name or service not known|Temporary failure in name resolution|Network is unreachable"
    r"|Max retries exceeded|Connection refused|could not connect|Failed to resolve",
    re.I,
)
#: What newer versions of Python lack.
_NEEDS_OLDER_PYTHON = re.compile(
    r"No module named '(?:imp|distutils|asyncore|asynchat|smtpd|cgi|pipes|telnetlib|crypt)\b"
    r"|module '(?:collections|inspect|asyncio|ast|pkgutil|unittest|configparser)' has no attribute"
    r"|cannot import name '\w+' from '(?:collections|inspect|asyncio|typing)'"
)
_WARNING = re.compile(r"^(?:E|INTERNALERROR>)[ \t]+([A-Za-z_][\w.]{0,100}Warning)\b", re.M)
_MAX_TEXT = 200_000
_MAX_SLOWDOWN = 3
_SLOW_SECONDS = 60.0
_WORTHWHILE_SHARE = 0.1
"""Of passing tests, that additional packages must bring if the tests take several times as long."""
#: Packages of a later date differ only after a while.
_MIN_AGE = timedelta(days=60)


@dataclass(frozen=True)
class Alternative:
    """Another environment, and what it has instead, in a few words."""

    recipe: Recipe
    reason: str


def is_largely_red(report: TestReport) -> bool:
    """Whether so many tests fail on the base that the environment is probably wrong.

    Failures for want of a server don't count, nor does a run that was cut short.
    """
    if report.cut_short:
        return False
    if not report.ran:
        return not _NEEDS_A_SERVER.search(_text_of(report))
    red = [test for test in report.red if not _needs_server(report, test)]
    decided = len(report.green) + len(report.red)
    return len(red) >= _MIN_RED and len(red) >= _RED_SHARE * decided


def makes_worse(before: TestReport, after: TestReport) -> bool:
    """Whether additional packages make tests fail, or make all wait for a few more that pass.

    A test that waits for something that the sandbox does not have would hold up each later run.
    """
    gained = len(after.green) - len(before.green)
    if gained < 0:
        return True
    is_slow = after.seconds > _MAX_SLOWDOWN * before.seconds + _SLOW_SECONDS
    return is_slow and gained < _WORTHWHILE_SHARE * len(before.green)


def warnings_as_errors(report: TestReport) -> list[str]:
    """Return the classes of warnings that keep tests from loading, or make many of them red."""
    by_class: dict[str, int] = {}
    for text in [*report.failures.values(), report.output]:
        for name in set(_WARNING.findall(text)):
            by_class[name] = by_class.get(name, 0) + 1
    if report.ran and report.loaded:
        enough = max(_MIN_RED, _WARNING_SHARE * len(report.failures))
        if len(report.red) < _WARNING_SHARE * len(report.results):
            return []
        by_class = {name: number for name, number in by_class.items() if number >= enough}
    return list(by_class)[:_MAX_WARNINGS]


def alternatives(
    recipe: Recipe,
    report: TestReport,
    *,
    interpreters: Collection[int],
    requires_python: str | None,
    now: datetime,
) -> list[Alternative]:
    """Return other environments for a recipe, the likeliest first.

    ``interpreters`` are the minor versions of Python 3 on this machine.
    """
    others = _other_packages(recipe, now)
    older = _older_python(recipe, interpreters, requires_python)
    if older is None:
        return others
    if _NEEDS_OLDER_PYTHON.search(_text_of(report)):
        return [older, *others]
    return [*others, older]


def _other_packages(recipe: Recipe, now: datetime) -> list[Alternative]:
    others: list[Alternative] = []
    day = recipe.model_copy(update={"packages": "day"})
    if first_date(day, now) < first_date(recipe, now):
        others.append(Alternative(day, "packages as of the commit's day"))
    if now - datetime.fromtimestamp(recipe.committed_at, UTC) > _MIN_AGE:
        later = recipe.model_copy(update={"packages": "later"})
        others.insert(0, Alternative(later, "packages of the year after the commit"))
    return others


def _older_python(
    recipe: Recipe, interpreters: Collection[int], requires_python: str | None
) -> Alternative | None:
    current = int(recipe.python.split(".")[1])
    older = [minor for minor in interpreters if minor < current and allows(requires_python, minor)]
    if not older:
        return None
    python = f"3.{max(older)}"
    return Alternative(recipe.model_copy(update={"python": python}), f"Python {python}")


def _needs_server(report: TestReport, test: str) -> bool:
    return _NEEDS_A_SERVER.search(report.failures.get(test, "")) is not None


def _text_of(report: TestReport) -> str:
    return "\n".join([*report.failures.values(), report.output])[:_MAX_TEXT]
