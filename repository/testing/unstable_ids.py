"""Tests whose ids differ between runs of the same code, such as ``test_x[<object at 0x7f1c>]``.

Such an id can't be compared. What can is its function (or, without parameters, its class or file):
the worst result of all its unstable ids.
"""

from collections.abc import Collection, Mapping

from repository.testing.models import Status, TestReport, worse


def find_broken(
    without: Collection[TestReport], with_change: Collection[TestReport]
) -> frozenset[str]:
    """Return the failing ids of functions that pass in all runs without a change, and in none with.

    Args:
        without: runs of the same tests without the change, at least two.
        with_change: runs of the same tests with it.
    """
    stable = _common_ids(without) | _common_ids(with_change)
    before = [_worst_by_function(report, stable) for report in without]
    after = [_worst_by_function(report, stable) for report in with_change]
    broken: set[str] = set()
    for function in set(before[0]).intersection(*before[1:], *after):
        passed = all(results[function] == "passed" for results in before)
        failed = all(results[function] in ("failed", "error") for results in after)
        if passed and failed:
            broken.add(function)
    failing = [test for test in next(iter(with_change)).red if test not in stable]
    return frozenset(test for test in failing if _function(test) in broken)


def _common_ids(reports: Collection[TestReport]) -> frozenset[str]:
    first, *others = [report.results.keys() for report in reports]
    return frozenset(first).intersection(*others)


def _worst_by_function(report: TestReport, stable: Collection[str]) -> Mapping[str, Status]:
    worst: dict[str, Status] = {}
    for test, status in report.results.items():
        if test not in stable:
            function = _function(test)
            worst[function] = worse(worst.get(function, status), status)
    return worst


def _function(test: str) -> str:
    """Return the id without its parameters; without parameters, the part that contains it."""
    function, bracket, _ = test.partition("[")
    if bracket:
        return function
    return test.rpartition("::")[0]
