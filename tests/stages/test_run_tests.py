"""What the tests prove of a candidate, and what goes back to the model where they are red."""

import json
from pathlib import Path

import pytest

from pipeline.outcome import Verification
from pipeline.stage import Back, RunContext
from repository.testing.models import Suite, TestReport
from repository.testing.run.bed import TestBed
from sandbox import NoIsolation, SandboxCommand, SandboxResult
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from stages.apply_patch import Candidate, Candidates
from stages.prepare_tests import PrepareTests
from stages.propose_patch import Proposals, Reproduction
from stages.run_tests import RunTests, Verdict
from stages.run_tests.feedback import MAX_FEEDBACK_CHARS
from stages.run_tests.trial import Trial
from stages.run_tests.verdict import judge
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

ADD = "test_calc.TestCalc::test_add"
DOUBLE = "test_calc.TestCalc::test_double"
NEW_TEST = TESTS.replace("test_double", "test_add_negative").replace(
    "double(2), 4", "add(-1, -1), -2"
)


class Bench:
    """A prepared repository, and one way to ask for a verdict on changes of it."""

    def __init__(self, origin: Origin, sandbox: BwrapSandbox, run: RunContext, suite: Suite):
        self.origin = origin
        self.sandbox = sandbox
        self.context = run
        self.suite = suite
        self.reproduction: Reproduction | None = None

    async def verdict(
        self, *changes: dict[str, bytes | str | None], suite: Suite | None = None
    ) -> Verdict | Back:
        made = []
        for number, change in enumerate(changes):
            encoded = {
                path: text.encode() if isinstance(text, str) else text
                for path, text in change.items()
            }
            mirror = self.origin.mirror
            sha = self.origin.sha
            tree = mirror.write_tree(sha, encoded)
            key = await self.context.save(f"{number}.patch", mirror.diff(mirror.tree_of(sha), tree))
            made.append(
                Candidate(
                    proposal=number, patch_key=key, tree=tree, paths=tuple(encoded), summary=""
                )
            )
        candidates = Candidates(
            repository="octo/calc", base_sha=self.origin.sha, candidates=tuple(made)
        )
        stage = RunTests(self.origin.mirrors, self.sandbox)
        proposals = Proposals(
            proposals=(), templates={}, template_set="", reproduction=self.reproduction
        )
        return await stage.run(
            self.origin.checkout, suite or self.suite, proposals, candidates, self.context
        )

    async def report(self, changes: dict[str, str]) -> TestReport:
        assert self.suite.recipe
        bed = TestBed.open(
            self.sandbox,
            self.context.workspace,
            self.suite.recipe,
            seconds=60,
            save=self.context.save,
        )
        encoded = {path: text.encode() for path, text in changes.items()}
        return await bed.run(encoded, (), label="report")


@pytest.fixture
def make_bench(tmp_path: Path):
    async def make(files: dict[str, str]) -> Bench:
        try:
            sandbox = BwrapSandbox(IndexProxy.configured({}))
        except NoIsolation as error:
            pytest.skip(str(error))
        origin = Origin(tmp_path, files)
        run = run_context(tmp_path)
        prepare = PrepareTests(origin.mirrors, build_tools(sandbox, tmp_path / "cache"))
        suite = await prepare.run(issue(), origin.checkout, context("calc.py"), run)
        return Bench(origin, sandbox, run, suite)

    return make


@pytest.fixture
async def bench(make_bench) -> Bench:
    return await make_bench(SAMPLE)


def proven(answer: Verdict | Back) -> Verdict:
    assert isinstance(answer, Verdict), answer
    return answer


def sent_back(answer: Verdict | Back) -> str:
    assert isinstance(answer, Back), answer
    assert answer.to == "propose_patch"
    return answer.because


async def test_a_failing_test_that_passes_after_is_red_to_green(bench: Bench):
    verdict = proven(await bench.verdict({"calc.py": FIXED_CALC}))
    assert (verdict.verification, verdict.fixed, verdict.still_failing) == (
        Verification.RED_TO_GREEN,
        (ADD,),
        (),
    )
    assert verdict.ran == 2 and verdict.log_key
    assert b"2 tests run" in await bench.context.load(verdict.log_key)


async def test_a_change_that_mends_nothing_is_not_verified(bench: Bench):
    verdict = proven(await bench.verdict({"README": "hello\n"}))
    assert (verdict.verification, verdict.fixed, verdict.still_failing) == (
        Verification.NOT_VERIFIED,
        (),
        (ADD,),
    )
    assert "1 fail as they did before" in verdict.reason


async def test_the_proof_is_an_artifact_that_names_the_tests(bench: Bench):
    broken_elsewhere = {"calc.py": FIXED_CALC, "test_gone.py": "import gone\n"}
    bench.suite = bench.suite.model_copy(
        update={"base": await bench.report({"test_gone.py": "import gone\n"})}
    )
    verdict = proven(await bench.verdict(broken_elsewhere))
    assert verdict.facts().artifacts["proof"] == verdict.proof_key and verdict.proof_key
    proof = json.loads(await bench.context.load(verdict.proof_key))
    assert (proof["fixed"], proof["regressed"], proof["could_not_run"]) == (
        [ADD],
        [],
        ["test_gone"],
    )


async def test_a_test_that_fails_now_and_then_neither_proves_nor_breaks(make_bench):
    """It fails in its first run with the change and passes in the second: told by a file outside
    the tree's copy.
    """
    moody = (
        "import pathlib, unittest\n\nclass TestMood(unittest.TestCase):\n    def test_mood(self):\n"
    )
    moody += "        mark = pathlib.Path(__file__).parent / 'calc.py'\n"
    moody += "        self.assertTrue('a + b' not in mark.read_text() or TIMES % 2 == 0)\n"
    bench = await make_bench({**SAMPLE, "test_mood.py": f"TIMES = 0\n{moody}"})
    runs = 0

    async def moody_run(command: SandboxCommand) -> SandboxResult:
        nonlocal runs
        if "unittest" in command.argv:
            runs += 1
            (bench.context.workspace / "tree/test_mood.py").write_text(f"TIMES = {runs}\n{moody}")
        return await sandbox.run(command)

    sandbox = bench.sandbox
    bench.sandbox = type("Moody", (), {"name": "bwrap", "run": staticmethod(moody_run)})()
    verdict = proven(await bench.verdict({"calc.py": FIXED_CALC}))
    assert verdict.flaky == ("test_mood.TestMood::test_mood",) and verdict.fixed == (ADD,)
    assert "ended differently when run again" in verdict.reason


async def test_what_covers_the_changed_files_runs_too_where_only_a_part_was_chosen(make_bench):
    test = "import unittest\n\nfrom twice import twice\n\n\nclass TestTwice(unittest.TestCase):\n"
    test += "    def test_twice(self):\n        self.assertEqual(twice(2), 4)\n"
    others = {f"test_other_{number:02}.py": "import unittest\n" for number in range(14)}
    twice = "def twice(a):\n    return a * 2\n"
    bench = await make_bench({**SAMPLE, "twice.py": twice, "test_twice.py": test, **others})
    assert bench.suite.tests == ("test_calc.py",)
    because = sent_back(await bench.verdict({"twice.py": twice.replace("2", "3")}))
    assert "test_twice.TestTwice::test_twice" in because and "6 != 4" in because


async def test_a_broken_test_goes_back_with_its_output_and_without_this_machines_paths(
    bench: Bench,
):
    because = sent_back(await bench.verdict({"calc.py": FIXED_CALC.replace("a * 2", "a * 3")}))
    assert DOUBLE in because and "6 != 4" in because and 'File "test_calc.py"' in because
    assert str(bench.context.workspace) not in because and ADD not in because


async def test_a_change_that_breaks_the_import_goes_back_with_the_error(bench: Bench):
    because = sent_back(await bench.verdict({"calc.py": "def add(:\n"}))
    assert "SyntaxError" in because and DOUBLE in because


async def test_a_run_that_never_ends_goes_back(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stages.run_tests.stage.suite_seconds", lambda minutes: 1.0)
    because = sent_back(await bench.verdict({"calc.py": "while True: pass\n"}))
    assert "did not run to their end" in because and "ended with 124" in because


async def test_what_goes_back_is_bounded(bench: Bench):
    because = sent_back(await bench.verdict({"calc.py": "raise RuntimeError('x' * 100_000)\n"}))
    assert len(because) <= MAX_FEEDBACK_CHARS


async def test_a_green_suite_that_ran_whole_says_suite_passes(make_bench):
    bench = await make_bench({**SAMPLE, "calc.py": FIXED_CALC})
    verdict = proven(await bench.verdict({"calc.py": FIXED_CALC + "# tidier\n"}))
    assert (verdict.verification, verdict.fixed) == (Verification.SUITE_PASSES, ())


async def test_a_green_suite_proves_nothing_of_what_is_not_compiled_anew(make_bench):
    bench = await make_bench({**SAMPLE, "calc.py": FIXED_CALC, "fast.pyx": "x = 1\n"})
    recipe = bench.suite.recipe.model_copy(update={"packaged": True})
    packaged = bench.suite.model_copy(update={"recipe": recipe})
    verdict = proven(await bench.verdict({"fast.pyx": "x = 2\n"}, suite=packaged))
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "none fails; the tests did not see what it changes in fast.pyx" in verdict.reason
    plain = proven(await bench.verdict({"fast.pyx": "x = 2\n"}))
    assert plain.verification is Verification.SUITE_PASSES


async def test_a_test_that_its_new_version_alone_makes_green_is_no_proof(bench: Bench):
    verdict = proven(
        await bench.verdict({"test_calc.py": TESTS.replace("add(2, 3), 5", "add(2, 3), -1")})
    )
    assert (verdict.verification, verdict.fixed) == (Verification.SUITE_PASSES, ())


async def test_tests_that_a_change_makes_skipped_are_lost(make_bench):
    skips = TESTS.replace(
        "class TestCalc", "@unittest.skipIf(hasattr(__import__('calc'), 'off'), '')\nclass TestCalc"
    )
    bench = await make_bench({"calc.py": FIXED_CALC, "test_calc.py": skips})
    because = sent_back(await bench.verdict({"calc.py": FIXED_CALC + "off = 1\n"}))
    assert "do not run any more: " + ADD in because


async def test_tests_that_a_change_takes_out_are_told_and_the_suite_proves_nothing(make_bench):
    bench = await make_bench({**SAMPLE, "calc.py": FIXED_CALC})
    verdict = proven(
        await bench.verdict(
            {"test_calc.py": TESTS.replace("def test_double", "def untested_double")}
        )
    )
    assert verdict.verification is Verification.NOT_VERIFIED
    assert "the change takes out 1 test that passed" in verdict.reason


def report(cut: bool = False, **results: str) -> TestReport:
    return TestReport.model_validate(
        {
            "results": results,
            "completed": not cut,
            "cut_short": cut,
            "failures": {},
            "seconds": 1.0,
            "log_key": "log",
        }
    )


@pytest.mark.parametrize(("base", "after"), [(True, False), (False, True), (True, True)])
def test_what_the_time_did_not_last_for_is_not_lost(base: bool, after: bool):
    before = report(base, a="passed", b="passed", c="failed")
    trial = Trial(before, None, report(after, a="passed", c="passed"), whole_suite=False)
    verdict = judge(0, trial)
    assert (trial.lost, trial.dropped, verdict.verification) == (
        frozenset(),
        0,
        Verification.RED_TO_GREEN,
    )
    assert ("the time did not last" in verdict.reason) == after
    whole = Trial(report(a="passed", b="passed"), None, report(a="passed"), whole_suite=False)
    assert whole.lost == {"b"}


async def test_what_is_red_in_a_changed_test_file_before_and_after_is_not_the_changes(make_bench):
    """The file was not among the chosen ones: it is run on the base now."""
    test = (
        "import unittest\n\nclass TestNet(unittest.TestCase):\n    def test_net(self):\n       "
        " self.fail('off')\n"
    )
    bench = await make_bench({**SAMPLE, "test_net.py": test})
    part = bench.suite.model_copy(update={"whole": False, "tests": ("test_calc.py",)})
    change = {
        "calc.py": FIXED_CALC,
        "test_net.py": test + "\n    def test_new(self):\n        pass\n",
    }
    verdict = proven(await bench.verdict(change, suite=part))
    assert (verdict.verification, verdict.fixed) == (Verification.RED_TO_GREEN, (ADD,))


async def test_a_green_part_of_a_suite_is_not_verified(make_bench):
    bench = await make_bench({**SAMPLE, "calc.py": FIXED_CALC})
    part = bench.suite.model_copy(update={"whole": False, "tests": ("test_calc.py",)})
    verdict = proven(await bench.verdict({"calc.py": FIXED_CALC + "# tidier\n"}, suite=part))
    assert (
        verdict.verification is Verification.NOT_VERIFIED and "not all were run" in verdict.reason
    )


async def test_the_patchs_own_test_that_fails_on_the_base_alone_is_red_to_green(make_bench):
    green = TESTS.replace("add(2, 3), 5", "add(2, 0), 2")
    bench = await make_bench({**SAMPLE, "test_calc.py": green})
    verdict = proven(
        await bench.verdict({"calc.py": FIXED_CALC, "tests/test_negative.py": NEW_TEST})
    )
    assert verdict.verification is Verification.RED_TO_GREEN
    assert set(verdict.fixed) == {
        f"tests.test_negative.TestCalc::test_add{more}" for more in ("", "_negative")
    }


async def test_the_patchs_own_test_that_fails_with_the_patch_goes_back(bench: Bench):
    because = sent_back(
        await bench.verdict({"calc.py": FIXED_CALC, "test_new.py": NEW_TEST.replace("-2", "-3")})
    )
    assert "test_new.TestCalc::test_add_negative" in because and "-2 != -3" in because


async def test_a_new_test_of_something_new_counts_as_failing_before(make_bench):
    bench = await make_bench({**SAMPLE, "calc.py": FIXED_CALC})
    new = (
        TESTS.replace("add, double", "halve")
        .replace("add(2, 3), 5", "halve(4), 2")
        .replace("double(2), 4", "halve(8), 4")
    )
    answer = await bench.verdict(
        {"calc.py": FIXED_CALC + "\n\ndef halve(a):\n    return a // 2\n", "test_halve.py": new}
    )
    verdict = proven(answer)
    assert verdict.verification is Verification.RED_TO_GREEN and len(verdict.fixed) == 2


async def test_a_patch_that_deletes_the_tests_it_breaks_is_not_believed(bench: Bench):
    because = sent_back(
        await bench.verdict({"calc.py": "def add(a, b):\n    return a + b\n", "test_calc.py": None})
    )
    assert "did not run to their end" in because or DOUBLE in because


async def test_the_best_of_several_candidates_is_chosen_and_a_red_one_is_no_obstacle(bench: Bench):
    red = {"calc.py": CALC.replace("a * 2", "a * 3")}
    verdict = proven(
        await bench.verdict(
            red, {"README": "x\n"}, {"calc.py": FIXED_CALC, "NOTES": "y\n"}, {"calc.py": FIXED_CALC}
        )
    )
    assert (verdict.candidate, verdict.verification) == (3, Verification.RED_TO_GREEN)


async def test_a_suite_that_cannot_be_run_leaves_the_candidate_not_verified_with_the_reason(
    make_bench,
):
    bench = await make_bench({"calc.py": CALC})
    verdict = proven(await bench.verdict({"calc.py": FIXED_CALC}))
    assert (verdict.candidate, verdict.verification) == (0, Verification.NOT_VERIFIED)
    assert "no test files" in verdict.reason and verdict.ran == 0
