"""An instance's listed tests in a report, and the stage at which a lost instance is lost."""

from pathlib import Path

import pytest

from benchmarks.evaluation import Judge, Tally, tally
from benchmarks.instances import Instance
from repository.git import Mirror
from repository.testing.models import Status, TestReport
from sandbox import SandboxCommand, SandboxResult


def instance(fail_to_pass: tuple[str, ...], pass_to_pass: tuple[str, ...] = ()) -> Instance:
    return Instance(
        instance_id="octo__shop-1",
        repo="octo/shop",
        base_commit="0" * 40,
        problem_statement="It breaks",
        patch="",
        test_patch="",
        fail_to_pass=fail_to_pass,
        pass_to_pass=pass_to_pass,
        no_tests=(),
    )


def report(results: dict[str, Status], failures: dict[str, str] | None = None) -> TestReport:
    return TestReport(
        results=results, failures=failures or {}, completed=True, seconds=1.0, log_key="k"
    )


@pytest.mark.parametrize(
    ("results", "resolved"),
    [
        ({"t::a": "passed", "t::b": "passed", "t::c": "skipped"}, True),
        ({"t::a": "skipped", "t::b": "passed", "t::c": "passed"}, False),
        ({"t::a": "passed", "t::b": "passed", "t::c": "error"}, False),
    ],
)
def test_a_resolved_instance_passes_the_failing_tests_and_breaks_none(
    results: dict[str, Status], resolved: bool
) -> None:
    listed = instance(("t.py::a",), ("t.py::b", "t.py::c"))
    assert tally(listed, report(results)).resolved is resolved


def test_a_listed_test_without_a_report_has_not_passed() -> None:
    result = tally(instance(("t.py::a",), ("t.py::b",)), report({"t::a": "passed"}))
    assert not result.resolved
    assert result.problem() == "1 of 1 PASS_TO_PASS not passed (1 in no report)"


def test_failures_for_lack_of_a_network_are_counted() -> None:
    failures = {
        "t::a": "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "t::b": "assert 1 == 2",
    }
    red = report({"t::a": "failed", "t::b": "failed"}, failures)
    result = tally(instance(("t.py::a", "t.py::b")), red)
    assert result.network == 1
    assert result.problem() == "2 of 2 FAIL_TO_PASS not passed (1 for lack of a network)"


class NoSandbox:
    name = "none"

    def path_inside(self, run_folder: Path) -> Path:
        return run_folder

    async def run(self, command: SandboxCommand) -> SandboxResult:
        raise AssertionError("nothing is to be run")


INSTANCE = instance(("t.py::a",))
RED = tally(INSTANCE, report({"t::a": "failed"}))
GREEN = tally(INSTANCE, report({"t::a": "passed"}))


def judge(candidate: Tally | None, reference: Tally | None) -> Judge:
    mirror = Mirror(Path("nowhere"), lambda: None)
    return Judge(INSTANCE, mirror, NoSandbox(), candidate, reference)


def test_an_instance_whose_reference_fails_too_is_lost_to_the_environment() -> None:
    _, reason = judge(RED, RED).why_lost()
    assert reason.startswith("environment: also with the reference, 1 of 1 FAIL_TO_PASS")


def test_an_instance_whose_reference_passes_is_lost_in_the_evaluation() -> None:
    reason = "1 of 1 FAIL_TO_PASS not passed (such as t.py::a)"
    assert judge(RED, GREEN).why_lost() == ("evaluation", reason)


def test_an_instance_that_could_not_be_tested_is_lost_in_prepare_tests() -> None:
    untested = judge(None, None)
    untested.environment = "no pytest"
    assert untested.why_lost() == ("prepare_tests", "environment: no pytest")
