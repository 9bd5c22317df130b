"""SWE-bench's ids among those of a report, and what is made of them."""

from benchmarks.evaluation import Judge, Tally, tally
from benchmarks.instances import Instance
from repository.git import Mirror
from repository.testing.models import Status, TestReport
from sandbox import SandboxCommand, SandboxResult


def instance(fail_to_pass: tuple[str, ...], pass_to_pass: tuple[str, ...] = ()) -> Instance:
    return Instance(
        "octo__shop-1", "octo/shop", "0" * 40, "It breaks", "", "", fail_to_pass, pass_to_pass, ()
    )


def report(
    results: dict[str, Status], failures: dict[str, str] | None = None, output: str = ""
) -> TestReport:
    return TestReport(
        results=results,
        failures=failures or {},
        completed=not output,
        output=output,
        seconds=1.0,
        log_key="k",
    )


def test_resolved_needs_each_of_the_failing_to_pass_and_none_of_the_others_to_fail() -> None:
    wanted = instance(("t.py::a",), ("t.py::b", "t.py::c"))
    assert tally(wanted, report({"t::a": "passed", "t::b": "passed", "t::c": "skipped"})).resolved
    assert not tally(
        wanted, report({"t::a": "skipped", "t::b": "passed", "t::c": "passed"})
    ).resolved
    assert not tally(wanted, report({"t::a": "passed", "t::b": "passed", "t::c": "error"})).resolved


def test_a_listed_test_that_is_in_no_report_is_not_passed_and_is_told() -> None:
    result = tally(instance(("t.py::a",), ("t.py::b",)), report({"t::a": "passed"}))
    assert not result.resolved
    assert result.problem() == "1 of 1 PASS_TO_PASS not passed (1 in no report)"


def test_failures_for_want_of_a_network_are_counted() -> None:
    failures = {
        "t::a": "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "t::b": "assert 1 == 2",
    }
    result = tally(
        instance(("t.py::a", "t.py::b")), report({"t::a": "failed", "t::b": "failed"}, failures)
    )
    assert result.network == 1
    assert result.problem() == "2 of 2 FAIL_TO_PASS not passed (1 for want of a network)"


class NoSandbox:
    name = "none"

    async def run(self, command: SandboxCommand) -> SandboxResult:
        raise AssertionError("nothing is to be run")


def judge(
    mirror_folder: str,
    candidate: Tally | None,
    reference: Tally | None,
    environment: str | None = None,
) -> Judge:
    from pathlib import Path

    repository = Mirror(Path(mirror_folder), lambda: None)
    return Judge(instance(("t.py::a",)), repository, NoSandbox(), candidate, reference, environment)


def test_a_reference_that_fails_too_lays_the_loss_on_the_environment() -> None:
    red, green = (
        tally(instance(("t.py::a",)), report({"t::a": status})) for status in ("failed", "passed")
    )
    assert (
        judge("x", red, red)
        .why_lost()[1]
        .startswith("environment: with the reference too, 1 of 1 FAIL_TO_PASS")
    )
    assert judge("x", red, green).why_lost() == (
        "evaluation",
        "1 of 1 FAIL_TO_PASS not passed (such as t.py::a)",
    )
    assert judge("x", None, None, "no pytest").why_lost() == (
        "prepare_tests",
        "environment: no pytest",
    )
