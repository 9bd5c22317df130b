"""The verdict on a candidate, and the feedback to the model if tests are red."""

import asyncio
import itertools
import json
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.model.buyer import Buyer
from pipeline.model.scripted import Entry
from pipeline.outcome import Verification
from pipeline.stage import Back, RunContext, Stop
from repository.testing.models import Suite, TestReport
from repository.testing.plan import TestPlan
from repository.testing.run.bed import TestBed
from repository.testing.trial import Trial
from sandbox import Sandbox, SandboxCommand, SandboxResult
from stages.apply_patch import Candidate, Candidates
from stages.prepare_tests import PrepareTests, SuitePreparation
from stages.propose_patch import Proposal, Proposals
from stages.run_tests import CandidateJudge, RunTests, Verdict, stage
from stages.run_tests.candidate_tester import CandidateTester
from stages.run_tests.feedback import MAX_OUTPUT_CHARS, MAX_PATCH_CHARS
from stages.run_tests.results import Change, Result
from stages.run_tests.verdict import judge
from tests.stages.conversation import Client, Prepared
from tests.stages.workbench import (
    CALC,
    FIXED_CALC,
    SAMPLE,
    TESTS,
    Origin,
    build_tools,
    context,
    issue,
    run_context,
)
from tests.stand_ins.remembering_sandbox import RememberingSandbox
from tests.stand_ins.runs import FixedTemplates

ADD = "test_calc.TestCalc::test_add"
DOUBLE = "test_calc.TestCalc::test_double"
BROKEN_DOUBLE = {"calc.py": FIXED_CALC.replace("a * 2", "a * 3")}
NEW_TEST = TESTS.replace("test_double", "test_add_negative").replace(
    "double(2), 4", "add(-1, -1), -2"
)
PROPOSAL = Proposal(reply="", exchange_key="", model="m")

Files = Mapping[str, str | None]
Answer = Verdict | Back | Stop


class Bench:
    """A prepared repository, and one way to test changes of it."""

    def __init__(self, origin: Origin, sandbox: Sandbox, run: RunContext, suite: Suite):
        self.origin = origin
        self.sandbox = sandbox
        self.run = run
        self.suite = suite
        self.judge = Client(())

    async def test(self, *changes: Files) -> Answer:
        candidates = [
            await self._candidate(number, change) for number, change in enumerate(changes)
        ]
        judge = CandidateJudge(Buyer(self.judge, model="m"), FixedTemplates())
        tools = build_tools(self.sandbox, self.run.workspace.parent / "cache")
        return await RunTests(self.origin.mirrors, tools, judge).run(
            issue(),
            self.origin.checkout,
            self.suite,
            Proposals(proposals=(PROPOSAL,) * len(changes), templates={}, template_set=""),
            Candidates(
                repository="octo/calc", base_sha=self.origin.sha, candidates=tuple(candidates)
            ),
            self.run,
        )

    async def verdict(self, *changes: Files) -> Verdict:
        """Test changes of which one must be accepted."""
        answer = await self.test(*changes)
        assert isinstance(answer, Verdict), answer
        return answer

    async def feedback(self, *changes: Files) -> str:
        """Test changes that must be sent back."""
        answer = await self.test(*changes)
        assert isinstance(answer, Back), answer
        assert answer.to == "propose_patch"
        return answer.because

    async def report(self, changes: Mapping[str, str]) -> TestReport:
        """Return the results on the base with changes."""
        assert self.suite.recipe
        bed = TestBed.open(
            self.sandbox, self.run.workspace, self.suite.recipe, seconds=60, save=self.run.save
        )
        encoded = {path: text.encode() for path, text in changes.items()}
        return await bed.run(encoded, (), label="report")

    def run_only(self, *tests: str) -> None:
        """Make these test files the selected part of a larger suite."""
        self.suite = self.suite.model_copy(update={"whole": False, "tests": tests})

    async def _candidate(self, number: int, change: Files) -> Candidate:
        encoded = {path: None if text is None else text.encode() for path, text in change.items()}
        mirror = self.origin.mirror
        tree = mirror.write_tree(self.origin.sha, encoded)
        patch = mirror.diff(mirror.tree_of(self.origin.sha), tree)
        patch_key = await self.run.save(f"{number}.patch", patch)
        return Candidate(
            proposal=number, patch_key=patch_key, tree=tree, paths=tuple(encoded), summary=""
        )


MakeBench = Callable[[dict[str, str]], Awaitable[Bench]]


@pytest.fixture
def make_bench(tmp_path: Path, remembering_sandbox: RememberingSandbox) -> MakeBench:
    sandbox = remembering_sandbox

    async def make(files: dict[str, str]) -> Bench:
        origin = Origin(tmp_path, files)
        run = run_context(tmp_path)
        prepare_tests = PrepareTests(origin.mirrors, build_tools(sandbox, tmp_path / "cache"))
        suite = await prepare_tests.run(issue(), origin.checkout, context("calc.py"), run)
        return Bench(origin, sandbox, run, suite)

    return make


@pytest.fixture
def bench(tmp_path: Path, prepared: Prepared) -> Bench:
    """The sample, one of whose two tests fails."""
    return copy_bench(prepared, tmp_path)


@pytest.fixture(scope="module")
def prepared_green(tmp_path_factory: pytest.TempPathFactory, prepared: Prepared) -> Prepared:
    files = {**SAMPLE, "calc.py": FIXED_CALC}
    folder = tmp_path_factory.mktemp("green")
    return asyncio.run(Prepared.make(folder, prepared.sandbox, files))


@pytest.fixture
def green_bench(tmp_path: Path, prepared_green: Prepared) -> Bench:
    """The sample without its bug."""
    return copy_bench(prepared_green, tmp_path)


def copy_bench(prepared: Prepared, folder: Path) -> Bench:
    run = run_context(folder)
    shutil.copytree(prepared.folder, run.workspace, dirs_exist_ok=True, symlinks=True)
    return Bench(prepared.origin, prepared.sandbox, run, prepared.suite)


# What a verdict proves


async def test_a_failing_test_that_passes_after_is_red_to_green(bench: Bench) -> None:
    verdict = await bench.verdict({"calc.py": FIXED_CALC})
    assert verdict.verification is Verification.RED_TO_GREEN
    assert verdict.fixed == (ADD,)
    assert verdict.still_failing == ()
    assert verdict.ran == 2
    assert verdict.log_key
    assert b"2 tests run" in await bench.run.load(verdict.log_key)


async def test_a_change_that_fixes_nothing_is_not_verified(bench: Bench) -> None:
    verdict = await bench.verdict({"README": "hello\n"})
    assert verdict.verification is Verification.NOT_VERIFIED
    assert verdict.fixed == ()
    assert verdict.still_failing == (ADD,)
    assert "1 fails as before" in verdict.reason


async def test_the_proof_names_the_tests(bench: Bench) -> None:
    base = await bench.report({"test_gone.py": "import gone\n"})
    bench.suite = bench.suite.model_copy(update={"base": base})
    verdict = await bench.verdict({"calc.py": FIXED_CALC, "test_gone.py": "import gone\n"})
    assert verdict.proof_key
    assert verdict.facts().artifacts["proof"] == verdict.proof_key
    proof = json.loads(await bench.run.load(verdict.proof_key))
    assert proof["fixed"] == [ADD]
    assert proof["regressed"] == []
    assert proof["could_not_run"] == ["test_gone"]


async def test_a_green_whole_suite_is_suite_passes(green_bench: Bench) -> None:
    verdict = await green_bench.verdict({"calc.py": FIXED_CALC.replace("a + b", "b + a")})
    assert verdict.verification is Verification.SUITE_PASSES
    assert verdict.fixed == ()


async def test_a_green_suite_that_does_not_run_what_changed_is_not_verified(
    green_bench: Bench,
) -> None:
    halve = "\n\ndef halve(a):\n    return a / 2\n"
    verdict = await green_bench.verdict({"calc.py": FIXED_CALC + halve})
    assert verdict.verification is Verification.NOT_VERIFIED
    line = FIXED_CALC.count("\n") + 3
    assert verdict.reason == f"the whole suite passes (2 tests), but no test runs calc.py:{line}"


async def test_a_suite_that_passes_because_the_change_weakens_it_is_not_verified(
    green_bench: Bench,
) -> None:
    broken = FIXED_CALC.replace("a + b", "a - b - 1")
    weaker = TESTS.replace("assertEqual(add(2, 3), 5)", "assertIsNotNone(add(2, 3))")
    verdict = await green_bench.verdict({"calc.py": broken, "test_calc.py": weaker})
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "1 test of the base would not pass without its changes to tests" in verdict.reason


async def test_a_green_part_of_a_suite_is_not_verified(green_bench: Bench) -> None:
    green_bench.run_only("test_calc.py")
    verdict = await green_bench.verdict({"calc.py": FIXED_CALC + "# tidier\n"})
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "not all were run" in verdict.reason


async def test_a_green_suite_proves_nothing_about_a_file_that_no_test_reads(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench({**SAMPLE, "calc.py": FIXED_CALC, "rates.json": "1\n"})
    verdict = await bench.verdict({"rates.json": "2\n"})
    assert verdict.reason == "the whole suite passes (2 tests), but no test reads rates.json"


HALF = "exports.half = (value) => value / 2;\n"
HALF_TEST = (
    "const assert = require('assert');\nconst { half } = require('./half.js');\n"
    "require('node:test')('half', () => assert.equal(half(4), 2));\n"
)
WEB = {
    **SAMPLE,
    "calc.py": FIXED_CALC,
    "web/package.json": '{"scripts": {"test": "node --test"}}',
    "web/half.js": HALF.replace("2", "3"),
    "web/half.test.js": HALF_TEST,
}
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")


@needs_node
async def test_a_change_in_another_language_is_tested_there(make_bench: MakeBench) -> None:
    bench = await make_bench(WEB)
    verdict = await bench.verdict({"web/half.js": HALF})
    assert verdict.verification is Verification.RED_TO_GREEN
    assert verdict.reason == (
        "JavaScript: 1 test failed before the change and passes with it; none that passed fails;"
        " Python: the whole suite passes (2 tests)"
    )


@needs_node
async def test_other_languages_are_tested_before_an_unproven_change_is_final(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await make_bench({**WEB, "web/half.js": HALF})
    change = {"test_new.py": NEW_TEST.replace("-2", "-3"), "web/half.js": WEB["web/half.js"]}
    assert "test_add_negative" in await bench.feedback(change)
    monkeypatch.setattr(stage, "_is_final", lambda *_: True)
    assert "half.test.js" in await bench.feedback(change)


@needs_node
async def test_a_slow_suite_of_another_language_does_not_use_up_the_time_of_the_run(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = CandidateTester.test
    bench = await make_bench({**WEB, "calc.py": CALC})

    async def test_slowly(tester: CandidateTester, change: Change, paths: set[str]) -> Result:
        if tester.tester.bed.recipe.node_projects:
            await asyncio.Event().wait()
        result = await test(tester, change, paths)
        monkeypatch.setattr(bench.run, "seconds_left", lambda: 120.1)
        return result

    async def prepare_in_time(preparation: SuitePreparation, plan: TestPlan) -> Suite:
        suite = await prepare(preparation, plan)
        monkeypatch.setattr(bench.run, "seconds_left", lambda: 60.1)
        return suite

    prepare = SuitePreparation.prepare
    monkeypatch.setattr(SuitePreparation, "prepare", prepare_in_time)
    monkeypatch.setattr(CandidateTester, "test", test_slowly)
    verdict = await bench.verdict({"calc.py": FIXED_CALC, "web/half.js": HALF})
    assert verdict.verification is Verification.RED_TO_GREEN
    assert verdict.reason.endswith(
        "its changes to web/half.js were not tested: no time was left"
    ), verdict.reason


async def test_a_file_that_no_language_tests_keeps_the_suite_from_passing(
    make_bench: MakeBench,
) -> None:
    reader = TESTS.replace("class", "open('app.js').read()\n\nclass", 1)
    bench = await make_bench({"calc.py": FIXED_CALC, "test_calc.py": reader, "app.js": "1;\n"})
    verdict = await bench.verdict({"app.js": "2;\n"})
    assert verdict.verification is Verification.NOT_VERIFIED
    assert verdict.reason == (
        "the whole suite passes (2 tests); its changes to app.js were not tested: no file shows a"
        " project in JavaScript"
    )


def test_no_result_says_anything_about_sources_that_are_not_compiled() -> None:
    green = TestReport(
        results={"test_calc::test_add": "passed"},
        completed=True,
        failures={},
        seconds=1.0,
        log_key="",
    )
    trial = Trial(green, None, green, tests=(), whole_suite=True, unbuilt=("fast.pyx",))
    results = {"test_calc::test_add": "failed", "test_calc::test_new": "failed"}
    red = green.model_copy(update={"results": results})
    assert not replace(trial, after=red).accused
    verdict = judge(0, trial)
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "none fails; its changes to fast.pyx were not tested" in verdict.reason

    failed_before = green.model_copy(
        update={"results": {**results, "test_calc::test_add": "passed"}}
    )
    fixed = green.model_copy(update={"results": {**results, "test_calc::test_new": "passed"}})
    verdict = judge(0, replace(trial, base=failed_before, after=fixed))
    assert verdict.verification is Verification.NOT_VERIFIED
    assert verdict.reason.startswith("1 test failed before the change and passes with it; its")
    assert verdict.regressed == ("test_calc::test_add",)

    partly = green.model_copy(update={"completed": False, "left_out": {"svc": "no registry"}})
    verdict = judge(0, Trial(green, None, partly, tests=(), whole_suite=True))
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "the tests in svc can't be run: no registry" in verdict.reason


async def test_a_candidate_is_not_verified_if_its_suite_cannot_run(
    make_bench: MakeBench,
) -> None:
    bench = await make_bench({"calc.py": CALC})
    verdict = await bench.verdict({"calc.py": FIXED_CALC})
    assert verdict.candidate == 0
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "no test files" in verdict.reason
    assert verdict.ran == 0


async def test_without_any_test_nothing_is_verified_and_nothing_is_sent_back(bench: Bench) -> None:
    nothing = TestReport(results={}, completed=True, failures={}, seconds=0.0, log_key="")
    bench.suite = bench.suite.model_copy(update={"base": nothing, "whole": False})
    verdict = await bench.verdict({"calc.py": FIXED_CALC})
    assert verdict.verification is Verification.NOT_VERIFIED
    assert verdict.reason == "neither the repository nor the change has a test"


# The patch's own tests


async def test_a_test_made_green_only_by_its_new_version_is_no_proof(bench: Bench) -> None:
    verdict = await bench.verdict({"test_calc.py": TESTS.replace("add(2, 3), 5", "add(2, 3), -1")})
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "it changes only tests and documentation" in verdict.reason
    assert verdict.fixed == ()


async def test_a_new_test_that_fails_only_on_the_base_is_red_to_green(
    make_bench: MakeBench,
) -> None:
    green = TESTS.replace("add(2, 3), 5", "add(2, 0), 2")
    bench = await make_bench({**SAMPLE, "test_calc.py": green})
    verdict = await bench.verdict({"calc.py": FIXED_CALC, "tests/test_negative.py": NEW_TEST})
    assert verdict.verification is Verification.RED_TO_GREEN
    assert set(verdict.fixed) == {
        "tests.test_negative.TestCalc::test_add",
        "tests.test_negative.TestCalc::test_add_negative",
    }


async def test_a_new_test_that_fails_with_the_patch_goes_back(bench: Bench) -> None:
    failing = NEW_TEST.replace("-2", "-3")
    feedback = await bench.feedback({"calc.py": FIXED_CALC, "test_new.py": failing})
    assert "test_new.TestCalc::test_add_negative" in feedback
    assert "-2 != -3" in feedback


async def test_a_new_test_of_a_new_feature_counts_as_failing_before(green_bench: Bench) -> None:
    test = (
        TESTS.replace("add, double", "halve")
        .replace("add(2, 3), 5", "halve(4), 2")
        .replace("double(2), 4", "halve(8), 4")
    )
    calc = FIXED_CALC + "\n\ndef halve(a):\n    return a // 2\n"
    verdict = await green_bench.verdict({"calc.py": calc, "test_halve.py": test})
    assert verdict.verification is Verification.RED_TO_GREEN
    assert len(verdict.fixed) == 2


async def test_tests_that_a_change_removes_weaken_its_verdict(green_bench: Bench) -> None:
    change = {"test_calc.py": TESTS.replace("def test_double", "def untested_double")}
    verdict = await green_bench.verdict(change)
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "the change removes or skips 1 test that passed" in verdict.reason


async def test_a_patch_that_deletes_the_tests_it_breaks_goes_back(bench: Bench) -> None:
    without_double = "def add(a, b):\n    return a + b\n"
    feedback = await bench.feedback({"calc.py": without_double, "test_calc.py": None})
    assert "did not run to completion" in feedback or DOUBLE in feedback


# Parts of a suite


NET_TEST = """import unittest

class TestNet(unittest.TestCase):
    def test_net(self):
        self.fail('off')
"""


async def test_a_test_that_is_red_before_and_after_does_not_count(
    make_bench: MakeBench,
) -> None:
    """A test whose file was not selected: it is also run on the base."""
    bench = await make_bench({**SAMPLE, "test_net.py": NET_TEST})
    bench.run_only("test_calc.py")
    new_test = "\n    def test_new(self):\n        pass\n"
    verdict = await bench.verdict({"calc.py": FIXED_CALC, "test_net.py": NET_TEST + new_test})
    assert verdict.verification is Verification.RED_TO_GREEN
    assert verdict.fixed == (ADD,)


TWICE = "def twice(a):\n    return a * 2\n"
TWICE_TEST = """import unittest

from twice import twice


class TestTwice(unittest.TestCase):
    def test_twice(self):
        self.assertEqual(twice(2), 4)
"""


async def test_tests_that_cover_the_changed_files_run_too(make_bench: MakeBench) -> None:
    others = {f"test_other_{number:02}.py": "import unittest\n" for number in range(14)}
    bench = await make_bench({**SAMPLE, "twice.py": TWICE, "test_twice.py": TWICE_TEST, **others})
    assert bench.suite.tests == ("test_calc.py",)
    feedback = await bench.feedback({"twice.py": TWICE.replace("2", "3")})
    assert "test_twice.TestTwice::test_twice" in feedback
    assert "6 != 4" in feedback


# What goes back


async def test_a_broken_test_goes_back_with_its_output(bench: Bench) -> None:
    feedback = await bench.feedback(BROKEN_DOUBLE)
    assert DOUBLE in feedback
    assert ADD not in feedback
    assert "6 != 4" in feedback


async def test_feedback_contains_no_path_of_this_machine(bench: Bench) -> None:
    feedback = await bench.feedback(BROKEN_DOUBLE)
    assert 'File "test_calc.py"' in feedback
    assert str(bench.run.workspace) not in feedback


async def test_a_change_that_breaks_the_import_goes_back_with_the_error(bench: Bench) -> None:
    feedback = await bench.feedback({"calc.py": "def add(:\n"})
    assert "SyntaxError" in feedback
    assert DOUBLE in feedback


async def test_a_run_that_never_ends_goes_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.prepare_tests.suites.suite_seconds", lambda minutes: 1.0)
    feedback = await bench.feedback({"calc.py": "import threading; threading.Event().wait()\n"})
    assert "did not run to completion" in feedback
    assert "ended with 124" in feedback


async def test_feedback_is_bounded(bench: Bench) -> None:
    feedback = await bench.feedback({"calc.py": "raise RuntimeError('x' * 100_000)\n"})
    assert len(feedback) <= MAX_OUTPUT_CHARS + MAX_PATCH_CHARS + 1_000


async def test_tests_that_a_change_makes_skipped_are_lost(make_bench: MakeBench) -> None:
    skipped_if_off = "@unittest.skipIf(hasattr(__import__('calc'), 'off'), '')\nclass TestCalc"
    tests = TESTS.replace("class TestCalc", skipped_if_off)
    bench = await make_bench({"calc.py": FIXED_CALC, "test_calc.py": tests})
    feedback = await bench.feedback({"calc.py": FIXED_CALC + "off = 1\n"})
    assert f"no longer run: `{ADD}`" in feedback


# Several candidates, and runs that end differently


async def test_without_time_for_another_candidate_the_one_that_passed_is_proposed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = FIXED_CALC + "\n\n# A comment that makes the patch larger.\n"
    changes = ({"calc.py": larger}, {"calc.py": FIXED_CALC})
    assert (await bench.verdict(*changes)).candidate == 1
    seconds = itertools.count(1000, -150)
    monkeypatch.setattr(bench.run, "seconds_left", lambda: float(next(seconds)))
    assert (await bench.verdict(*changes)).candidate == 0


async def test_a_slow_candidate_does_not_use_up_the_time_of_one_that_passed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = CandidateTester.test

    async def test_slowly(tester: CandidateTester, change: Change, paths: set[str]) -> Result:
        if change.number == 1:
            await asyncio.Event().wait()
        return await test(tester, change, paths)

    monkeypatch.setattr(CandidateTester, "test", test_slowly)
    monkeypatch.setattr(bench.run, "seconds_left", lambda: 60.1)
    verdict = await bench.verdict({"calc.py": FIXED_CALC}, {"calc.py": FIXED_CALC + "\n"})
    assert verdict.candidate == 0


DIFFERENT_CHANGES: tuple[Files, ...] = (
    {"calc.py": CALC.replace("a * 2", "a * 3")},
    {"README": "x\n"},
    {"calc.py": FIXED_CALC, "NOTES": "y\n"},
    {"calc.py": FIXED_CALC},
)


async def test_a_model_chooses_among_different_changes_that_break_nothing(bench: Bench) -> None:
    bench.judge = Client((Entry(reply="CHOICE: 2 is wrong, so:\n\n**CHOICE: 3**", cost_usd=0.01),))
    verdict = await bench.verdict(*DIFFERENT_CHANGES)
    assert verdict.candidate == 2
    assert sorted(verdict.templates) == ["judge", "judge_system"]
    (prompt,) = bench.judge.prompts
    assert re.findall("## Change (.)", prompt) == ["2", "3", "4"]
    assert "Verification: red to green. 2 tests ran with it." in prompt
    assert "+++ b/NOTES" in prompt and "a * 3" not in prompt
    assert verdict.choice_key is not None
    assert b"CHOICE: 3" in await bench.run.load(verdict.choice_key)


@pytest.mark.parametrize(
    "answer",
    [
        Entry(reply="All of them."),
        Entry(reply="CHOICE: 1"),
        Entry(status=400, code="content_policy_violation"),
        Entry(reply="CHOICE: 2", cost_usd=100.0),
    ],
    ids=["no choice", "a change that broke tests", "a refusal", "no money"],
)
async def test_without_a_choice_the_proof_and_then_the_smaller_patch_decide(
    bench: Bench, answer: Entry
) -> None:
    bench.judge = Client((answer,))
    verdict = await bench.verdict(*DIFFERENT_CHANGES)
    assert verdict.candidate == 3
    assert verdict.verification is Verification.RED_TO_GREEN


async def test_no_model_is_asked_if_most_changes_agree(bench: Bench) -> None:
    commented = {"calc.py": FIXED_CALC + "# in other words\n"}
    verdict = await bench.verdict(
        {"calc.py": FIXED_CALC, "NOTES": "y\n"}, commented, {"calc.py": FIXED_CALC}
    )
    assert verdict.candidate == 2
    assert bench.judge.sent == []


MOODY_TEST = """import pathlib, unittest

class TestMood(unittest.TestCase):
    def test_mood(self):
        calc = pathlib.Path(__file__).parent / 'calc.py'
        self.assertTrue('a + b' not in calc.read_text() or TIMES % 2 == 0)
"""


class MoodySandbox:
    """A sandbox that writes the number of test runs to the flaky test's file."""

    name = "bwrap"

    def __init__(self, sandbox: Sandbox, workspace: Path):
        self._sandbox = sandbox
        self._file = workspace / "tree/test_mood.py"
        self._runs = 0

    def path_inside(self, run_folder: Path) -> Path:
        return self._sandbox.path_inside(run_folder)

    async def run(self, command: SandboxCommand) -> SandboxResult:
        if "unittest" in command.argv:
            self._runs += 1
            self._file.write_text(f"TIMES = {self._runs}\n{MOODY_TEST}")
        return await self._sandbox.run(command)


async def test_a_flaky_test_is_neither_fixed_nor_broken(make_bench: MakeBench) -> None:
    """A test that fails in its first run with the change, and passes in the second."""
    bench = await make_bench({**SAMPLE, "test_mood.py": f"TIMES = 0\n{MOODY_TEST}"})
    bench.sandbox = MoodySandbox(bench.sandbox, bench.run.workspace)
    verdict = await bench.verdict({"calc.py": FIXED_CALC})
    assert verdict.flaky == ("test_mood.TestMood::test_mood",)
    assert verdict.fixed == (ADD,)
    assert "ended differently when run again" in verdict.reason


def report(cut_short: bool = False, **results: str) -> TestReport:
    return TestReport.model_validate(
        {
            "results": results,
            "completed": not cut_short,
            "cut_short": cut_short,
            "failures": {},
            "seconds": 1.0,
            "log_key": "log",
        }
    )


@pytest.mark.parametrize("base", [True, False])
def test_tests_that_a_run_cut_short_did_not_reach_are_not_lost(base: bool) -> None:
    before = report(base, a="passed", b="passed", c="failed")
    trial = Trial(before, None, report(True, a="passed", c="passed"), tests=(), whole_suite=False)
    assert trial.lost == frozenset()
    assert trial.dropped == 0
    verdict = judge(0, trial)
    assert verdict.verification is Verification.RED_TO_GREEN
    assert "time ran out" in verdict.reason


def test_a_missing_test_is_lost() -> None:
    before = report(a="passed", b="passed")
    trial = Trial(before, None, report(a="passed"), tests=(), whole_suite=False)
    assert trial.lost == {"b"}


def test_a_new_test_accuses_no_change_where_most_tests_fail_anyway() -> None:
    broken = {"tests.test_a::a": "failed", "tests.test_a::b": "error"}
    base = report(**broken, **{"tests.test_b::c": "passed"})
    after = report(**broken, **{"tests.test_b::c": "passed", "tests.test_new::d": "failed"})
    trial = Trial(base, None, after, tests=(), whole_suite=True)
    assert trial.failing_new == frozenset()
    assert judge(0, trial).verification is Verification.NOT_VERIFIED

    same_file = report(**broken, **{"tests.test_b::c": "passed", "tests.test_b::d": "failed"})
    trial = Trial(base, None, same_file, tests=(), whole_suite=True)
    assert trial.failing_new == {"tests.test_b::d"}


def test_moved_tests_are_the_same_and_removed_ones_are_noted() -> None:
    base = report(**{"tests.test_a::a": "passed", "tests.test_a::b": "passed", "x::fix": "failed"})
    after = report(**{"tests.test_new::a": "passed", "x::fix": "passed"})
    own_files = ("tests/test_a.py", "tests/test_new.py")
    trial = Trial(base, None, after, tests=(), whole_suite=True, own_files=own_files)
    assert trial.lost == frozenset()
    assert trial.dropped == 1
    assert "the change removes or skips 1 test that passed" in judge(0, trial).reason
    assert Trial(base, None, after, tests=(), whole_suite=True).lost == {
        "tests.test_a::a",
        "tests.test_a::b",
    }
