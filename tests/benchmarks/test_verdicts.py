"""Generated cases: what is said to be true of a change follows from the project's own results."""

import json
import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks.verdict_cases import Case, make_case, truth_of
from benchmarks.verdict_judge import Answer
from benchmarks.verdict_projects import Check, Language, Project, TestFile, Trap
from benchmarks.verdict_python import Pytest, Unittest
from benchmarks.verdict_scenes import CHANGES, Scene, Truth, Word, make_scene
from benchmarks.verdict_toolchains import Cargo
from benchmarks.verdicts import LANGUAGES, Row, main, make_row, summary

SEEDS = range(5)


def passes(check: Check, code: Project) -> bool:
    """Whether a test passes with the code of a project."""
    function = code.function(check.module, check.function)
    if code.modules[check.module].unloadable or function.fault or check.skipped:
        return False
    return check.weak or function.value(check.argument) == check.expected


def checks_of(project: Project) -> list[Check]:
    return [check for tests in project.tests.values() for check in tests.checks]


def breaks(scene: Scene) -> bool:
    return any(
        passes(check, scene.before) and not passes(check, scene.after)
        for check in checks_of(scene.before)
    )


def proves(scene: Scene) -> bool:
    return any(
        passes(check, scene.after) and not passes(check, scene.before)
        for check in checks_of(scene.after)
    )


@pytest.mark.parametrize("change", CHANGES)
def test_the_truth_of_a_change_follows_from_the_tests_before_and_after_it(change: str) -> None:
    for seed in SEEDS:
        scene = make_scene(change, Random(seed))
        broken = breaks(scene)
        assert scene.truth.allows(Word.NO_FIX) == broken
        assert (scene.truth.best is Word.RED_TO_GREEN) == (proves(scene) and not broken)
        assert not (broken and scene.truth.allows(Word.SUITE_PASSES))


def test_a_generated_function_computes_what_the_project_says() -> None:
    scene = make_scene("reorder", Random(1))
    for project in (scene.before, scene.after):
        files = Pytest().render(project)
        for name, module in project.modules.items():
            code: dict[str, object] = {}
            exec(files[f"shop/{name}.py"], code)
            for function in module.functions:
                computed = code[function.name]
                assert callable(computed)
                assert [computed(x) for x in (1, 10, 11)] == [
                    function.value(x) for x in (1, 10, 11)
                ]


@pytest.mark.parametrize("language", [Pytest(), Unittest()])
def test_generated_python_parses_with_every_trap(language: Pytest | Unittest) -> None:
    scene = make_scene("reorder", Random(1))
    name, tests = next(iter(scene.before.tests.items()))
    for trap in language.traps:
        project = scene.before.with_tests(name, type(tests)(tests.checks, (trap,)))
        for path, text in language.render(project).items():
            if path.endswith(".py"):
                compile(text, path, "exec")


def test_the_same_number_and_seed_give_the_same_case() -> None:
    case = make_case(3, 1, LANGUAGES)
    assert make_case(3, 1, LANGUAGES) == case
    assert make_case(3, 2, LANGUAGES) != case
    assert case.changes


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_writes_every_change_with_every_trap(language: Language) -> None:
    for change in CHANGES:
        scene = make_scene(change, Random(2))
        assert language.render(scene.before) != language.render(scene.after), change
    for trap in language.traps:
        trapped = scene.before.with_tests("trap", TestFile(traps=(trap,)))
        assert len(language.render(trapped)) > len(language.render(scene.before))


def test_modules_with_tests_of_the_same_names_are_packages_of_a_cargo_workspace() -> None:
    manifests: set[bool] = set()
    for seed in SEEDS:
        files = Cargo().render(make_scene("reorder", Random(seed)).before)
        assert ("cart/tests/suite.rs" in files) == ("[workspace]" in files["Cargo.toml"])
        manifests.add("[workspace]" in files["Cargo.toml"])
    assert manifests == {True, False}


def test_only_a_language_whose_lines_are_seen_shows_that_a_branch_is_not_tested() -> None:
    scene = make_scene("fix without test", Random(1))
    assert truth_of(scene, Pytest(), frozenset()).best is Word.NOT_VERIFIED
    assert truth_of(scene, Cargo(), frozenset()).best is Word.SUITE_PASSES


def test_a_suite_with_a_failing_trap_never_passes() -> None:
    scene = make_scene("reorder", Random(1))
    assert truth_of(scene, Pytest(), frozenset()).best is Word.SUITE_PASSES
    assert truth_of(scene, Pytest(), frozenset({Trap.RED})) == Truth(
        Word.NOT_VERIFIED, frozenset({Word.NOT_VERIFIED})
    )


def test_a_suite_with_a_flaky_test_may_pass_or_not() -> None:
    truth = truth_of(make_scene("add flaky test", Random(1)), Pytest(), frozenset())
    assert truth.allows(Word.SUITE_PASSES)
    assert truth.best is Word.NOT_VERIFIED


def judged(best: Word, said: Word, *also_right: Word) -> Row:
    truth = Truth(best, frozenset(also_right))
    case = Case(0, Pytest(), "reorder", (), {}, {}, truth)
    return make_row(case, Answer(said, "because"), 1.0)


def test_untrue_verdicts_are_wrong_and_weak_ones_are_missed() -> None:
    rows = [
        judged(Word.RED_TO_GREEN, Word.RED_TO_GREEN),
        judged(Word.RED_TO_GREEN, Word.NOT_VERIFIED, Word.NOT_VERIFIED),
        judged(Word.RED_TO_GREEN, Word.NO_FIX, Word.NOT_VERIFIED),
        judged(Word.NO_FIX, Word.SUITE_PASSES),
        judged(Word.NOT_VERIFIED, Word.NO_FIX, Word.NO_FIX),
    ]
    assert [row.judgement for row in rows] == ["right", "missed", "wrong", "wrong", "right"]
    totals = summary(rows)
    assert totals["wrong_no_fix"] == 1
    assert totals["wrong_suite_passes"] == 1
    assert totals["wrong_red_to_green"] == 0
    assert totals["right_red_to_green"] == 1
    assert totals["missed_red_to_green"] == 1


def test_a_case_goes_through_the_service_to_its_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CODING_AGENT_SANDBOX", "none")
    file = tmp_path / "out.json"
    words = ["--only", "unittest", "--seed", "2", "--case", "1", "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", ["verdicts", *words, "--json", str(file)])
    main()
    document = json.loads(file.read_text())
    assert document["summary"]["cases"] == 1
    assert document["rows"][0]["judgement"] == "right", document["rows"]
    assert "1/1 right: unittest" in capsys.readouterr().err
