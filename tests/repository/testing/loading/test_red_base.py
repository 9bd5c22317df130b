"""Signs on the base commit that its environment is wrong, and what is tried instead."""

from datetime import UTC, datetime, timedelta

from repository.testing.install.dates import first_date
from repository.testing.loading.red_base import (
    alternatives,
    is_largely_red,
    makes_worse,
    warnings_as_errors,
)
from repository.testing.models import Recipe, Status, TestReport
from tests.repository.testing.install.test_installer import RECIPE as BASE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECIPE = BASE.model_copy(update={"python": "3.12"})
DEPRECATED = "E   DeprecationWarning: pkg_resources is deprecated as an API\n"


def report(
    *,
    passed: int = 0,
    failed: int = 0,
    text: str = "",
    output: str = "",
    loaded: bool = True,
    seconds: float = 1,
) -> TestReport:
    results: dict[str, Status] = {f"t::p{number}": "passed" for number in range(passed)}
    failures: dict[str, str] = {}
    for number in range(failed):
        results[f"t::f{number}"] = "failed"
        failures[f"t::f{number}"] = text
    if not loaded:
        results["::t"] = "error"
        failures["::t"] = text
    return TestReport(
        results=results,
        completed=loaded,
        failures=failures,
        output=output,
        seconds=seconds,
        log_key="",
    )


def test_a_base_with_many_red_tests_is_suspicious() -> None:
    assert is_largely_red(report(passed=32, failed=19))
    assert is_largely_red(report(output="ImportError while loading conftest"))
    assert not is_largely_red(report(passed=40, failed=3))
    assert not is_largely_red(report(passed=1, failed=1))


def test_packages_that_make_tests_fail_or_wait_are_worse() -> None:
    before = report(passed=100, failed=10, seconds=30)
    assert makes_worse(before, report(passed=99, failed=11, seconds=30))
    assert makes_worse(before, report(passed=104, failed=6, seconds=400))
    assert not makes_worse(before, report(passed=104, failed=6, seconds=100))
    assert not makes_worse(before, report(passed=400, seconds=400))


def test_tests_that_need_a_server_say_nothing_about_the_environment() -> None:
    text = "ConnectionError: Name or service not known"
    assert not is_largely_red(report(passed=3, failed=30, text=text))


def test_a_warning_that_keeps_a_file_from_loading_is_tolerated() -> None:
    assert warnings_as_errors(report(passed=9, text=DEPRECATED, loaded=False)) == [
        "DeprecationWarning"
    ]
    internal = "INTERNALERROR> pytest.PytestRemovedIn9Warning: The (path: py.path.local)"
    assert warnings_as_errors(report(output=internal)) == ["pytest.PytestRemovedIn9Warning"]


def test_a_warning_that_makes_few_tests_red_is_the_repositorys_own_matter() -> None:
    assert warnings_as_errors(report(passed=50, failed=3, text=DEPRECATED)) == []
    assert warnings_as_errors(report(passed=73, failed=260, text=DEPRECATED)) == [
        "DeprecationWarning"
    ]


def reasons(recipe: Recipe, red: TestReport, *, requires: str | None = None) -> list[str]:
    found = alternatives(
        recipe, red, interpreters=[9, 10, 11, 12, 13], requires_python=requires, now=NOW
    )
    return [alternative.reason for alternative in found]


def test_other_dates_are_tried_before_an_older_python() -> None:
    assert reasons(RECIPE, report(failed=9)) == [
        "packages of the year after the commit",
        "packages as of the commit's day",
        "Python 3.11",
    ]


def test_an_older_python_is_tried_first_if_the_failures_ask_for_it() -> None:
    red = report(failed=9, text="ModuleNotFoundError: No module named 'imp'")
    assert reasons(RECIPE, red)[0] == "Python 3.11"
    assert "Python 3.11" not in reasons(RECIPE, red, requires=">=3.12")


def test_a_young_commit_has_no_later_packages() -> None:
    young = RECIPE.model_copy(update={"committed_at": int((NOW - timedelta(3)).timestamp())})
    assert "packages of the year after the commit" not in reasons(young, report(failed=9))


def test_the_day_is_no_alternative_if_the_month_ends_with_it() -> None:
    today = RECIPE.model_copy(update={"committed_at": int(NOW.timestamp())})
    assert reasons(today, report(failed=9)) == ["Python 3.11"]


def test_packages_are_as_of_the_date_that_the_recipe_names() -> None:
    day = RECIPE.model_copy(update={"packages": "day"})
    later = RECIPE.model_copy(update={"packages": "later"})
    assert first_date(RECIPE, NOW) == datetime(2020, 2, 1, tzinfo=UTC)
    assert first_date(day, NOW) == datetime(2020, 1, 27, tzinfo=UTC)
    assert first_date(later, NOW) == datetime(2021, 1, 31, tzinfo=UTC)
