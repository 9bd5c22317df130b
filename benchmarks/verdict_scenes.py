"""Projects before and after a change, with what may truly be said about the change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from benchmarks.verdict_projects import (
    LARGEST_SMALL,
    Check,
    Fault,
    Function,
    Module,
    Project,
    Sight,
    TestFile,
    Trap,
)


class Word(StrEnum):
    """What the product says about a change."""

    RED_TO_GREEN = "red to green"
    SUITE_PASSES = "suite passes"
    NOT_VERIFIED = "not verified"
    NO_FIX = "no_fix"


@dataclass(frozen=True)
class Truth:
    best: Word
    """What a judge that sees everything says."""
    also_right: frozenset[Word] = frozenset()
    """What a judge that sees less may say without saying anything wrong."""

    def allows(self, word: Word) -> bool:
        return word is self.best or word in self.also_right


_PROVEN = Truth(Word.RED_TO_GREEN, frozenset({Word.SUITE_PASSES, Word.NOT_VERIFIED}))
PASSES = Truth(Word.SUITE_PASSES, frozenset({Word.NOT_VERIFIED}))
_UNPROVEN = Truth(Word.NOT_VERIFIED)
_BREAKS = Truth(Word.NO_FIX, frozenset({Word.NOT_VERIFIED}))
_HIDES = Truth(Word.NOT_VERIFIED, frozenset({Word.NO_FIX}))
"""The change breaks something, and the test that would show it."""


@dataclass(frozen=True)
class Scene:
    """A project before and after a change."""

    before: Project
    after: Project
    truth: Truth
    shown_by: Sight = Sight.PACKAGES
    """What must be known of the tests to see that they don't run what changed."""


TESTED = ("cart", "stock", "price")
UNTESTED_MODULE = "unused"
UNTESTED_FUNCTION = "rest"
"""In every module, the function that no test calls."""
_FUNCTIONS = ("total", "share")


def make_project(random: Random) -> Project:
    """Return a project without bugs: each tested function has one test of its first branch."""
    same_names = random.random() < 0.5
    modules: dict[str, Module] = {}
    tests: dict[str, TestFile] = {}
    for name in (*TESTED, UNTESTED_MODULE):
        functions = [_make_function(each, random) for each in (*_FUNCTIONS, UNTESTED_FUNCTION)]
        modules[name] = Module(tuple(functions))
        if name == UNTESTED_MODULE:
            continue
        checks: list[Check] = []
        for function in functions[: len(_FUNCTIONS)]:
            argument = random.randint(1, LARGEST_SMALL)
            test = function.name if same_names else f"{name}_{function.name}"
            checks.append(
                Check(test, name, function.name, argument, function.value(argument)),
            )
        tests[name] = TestFile(tuple(checks))
    return Project(modules, tests)


def _make_function(name: str, random: Random) -> Function:
    return Function(name, random.randint(2, 9), random.randint(1, 50), random.randint(51, 99))


@dataclass(frozen=True)
class _Target:
    """A tested function of a project, and ways to change it."""

    project: Project
    module: str
    function: Function

    @classmethod
    def choose(cls, project: Project, random: Random) -> "_Target":
        module = random.choice(TESTED)
        return cls(project, module, project.function(module, random.choice(_FUNCTIONS)))

    @property
    def tests(self) -> TestFile:
        return self.project.tests[self.module]

    @property
    def check(self) -> Check:
        """The test of its first branch."""
        return next(each for each in self.tests.checks if each.function == self.function.name)

    @property
    def large_check(self) -> Check:
        """A test of its second branch, with the right result."""
        argument = LARGEST_SMALL + self.function.factor
        return Check(
            f"{self.check.name}_large",
            self.module,
            self.function.name,
            argument,
            self.function.value(argument),
        )

    def with_bug(self) -> Project:
        """Return the project with a bug in the second branch, which no test runs."""
        return self.changed(large=self.function.large + 1)

    def changed(self, **fields: int | bool | Fault) -> Project:
        function = replace(self.function, **fields)  # type: ignore[arg-type]
        return self.project.with_function(self.module, function)

    def broken(self) -> Project:
        return self.changed(small=self.function.small + 1)

    def with_check(self, project: Project, check: Check) -> Project:
        tests = project.tests[self.module]
        return project.with_tests(self.module, replace(tests, checks=(*tests.checks, check)))

    def with_other_check(self, project: Project, *checks: Check) -> Project:
        """Return ``project`` with other tests in place of that of the first branch."""
        tests = project.tests[self.module]
        left = tuple(each for each in tests.checks if each != self.check)
        return project.with_tests(self.module, replace(tests, checks=(*left, *checks)))


def _fix_with_test(target: _Target) -> Scene:
    after = target.with_check(target.project, target.large_check)
    return Scene(target.with_bug(), after, _PROVEN)


def _fix_with_test_file(target: _Target) -> Scene:
    tests = TestFile((target.large_check,))
    after = target.project.with_tests(f"{target.module}_large", tests)
    return Scene(target.with_bug(), after, _PROVEN)


def _fix_of_red_test(target: _Target) -> Scene:
    before = target.with_check(target.with_bug(), target.large_check)
    after = target.with_check(target.project, target.large_check)
    return Scene(before, after, _PROVEN)


def _fix_and_rename(target: _Target) -> Scene:
    """The fix comes with its test, and another test gets a new name."""
    renamed = replace(target.check, name=f"{target.check.name}_small")
    after = target.with_other_check(target.project, renamed, target.large_check)
    return Scene(target.with_bug(), after, _PROVEN)


def _fix_without_test(target: _Target) -> Scene:
    return Scene(target.with_bug(), target.project, _UNPROVEN, shown_by=Sight.LINES)


def _reorder(target: _Target) -> Scene:
    return Scene(target.project, target.changed(reordered=True), PASSES)


def _reorder_untested(target: _Target) -> Scene:
    function = target.project.function(target.module, UNTESTED_FUNCTION)
    after = target.project.with_function(target.module, replace(function, reordered=True))
    return Scene(target.project, after, _UNPROVEN, shown_by=Sight.LINES)


def _reorder_unused_module(target: _Target) -> Scene:
    function = target.project.function(UNTESTED_MODULE, UNTESTED_FUNCTION)
    after = target.project.with_function(UNTESTED_MODULE, replace(function, reordered=True))
    return Scene(target.project, after, _UNPROVEN, shown_by=Sight.FILES)


def _add_unused_file(target: _Target) -> Scene:
    after = target.project.with_module("later", Module((target.function,)))
    return Scene(target.project, after, _UNPROVEN)


def _edit_readme(target: _Target) -> Scene:
    return Scene(target.project, replace(target.project, readme="A new shop.\n"), _UNPROVEN)


def _add_passing_test(target: _Target) -> Scene:
    return Scene(target.project, target.with_check(target.project, target.large_check), _UNPROVEN)


def _add_flaky_test(target: _Target) -> Scene:
    after = target.changed(reordered=True).with_tests("luck", TestFile(traps=(Trap.FLAKY,)))
    return Scene(target.project, after, PASSES)


def _break(target: _Target) -> Scene:
    return Scene(target.project, target.broken(), _BREAKS)


def _fix_and_break(target: _Target) -> Scene:
    function = replace(target.function, small=target.function.small + 1)
    after = target.with_check(target.project, target.large_check)
    return Scene(target.with_bug(), after.with_function(target.module, function), _BREAKS)


def _exit(target: _Target) -> Scene:
    return Scene(target.project, target.changed(fault=Fault.EXIT), _BREAKS)


def _loop(target: _Target) -> Scene:
    return Scene(target.project, target.changed(fault=Fault.LOOP), _BREAKS)


def _make_unloadable(target: _Target) -> Scene:
    module = replace(target.project.modules[target.module], unloadable=True)
    return Scene(target.project, target.project.with_module(target.module, module), _BREAKS)


def _weaken_red_test(target: _Target) -> Scene:
    before = target.with_check(target.with_bug(), target.large_check)
    after = target.with_check(target.with_bug(), replace(target.large_check, weak=True))
    return Scene(before, after, _UNPROVEN)


def _break_and_weaken(target: _Target) -> Scene:
    weak = replace(target.check, weak=True)
    return Scene(target.project, target.with_other_check(target.broken(), weak), _HIDES)


def _break_and_skip(target: _Target) -> Scene:
    skipped = replace(target.check, skipped=True)
    return Scene(target.project, target.with_other_check(target.broken(), skipped), _HIDES)


def _break_and_delete_test(target: _Target) -> Scene:
    return Scene(target.project, target.with_other_check(target.broken()), _HIDES)


def _delete_test_file(target: _Target) -> Scene:
    after = target.changed(reordered=True).without_tests(target.module)
    return Scene(target.project, after, _UNPROVEN)


#: How each kind of change is made.
CHANGES: Mapping[str, Callable[[_Target], Scene]] = {
    "fix with test": _fix_with_test,
    "fix with test file": _fix_with_test_file,
    "fix of red test": _fix_of_red_test,
    "fix and rename": _fix_and_rename,
    "fix without test": _fix_without_test,
    "reorder": _reorder,
    "reorder untested": _reorder_untested,
    "reorder unused module": _reorder_unused_module,
    "add unused file": _add_unused_file,
    "edit readme": _edit_readme,
    "add passing test": _add_passing_test,
    "add flaky test": _add_flaky_test,
    "break": _break,
    "fix and break": _fix_and_break,
    "exit": _exit,
    "loop": _loop,
    "make unloadable": _make_unloadable,
    "weaken red test": _weaken_red_test,
    "break and weaken": _break_and_weaken,
    "break and skip": _break_and_skip,
    "break and delete test": _break_and_delete_test,
    "delete test file": _delete_test_file,
}


def make_scene(change: str, random: Random) -> Scene:
    return CHANGES[change](_Target.choose(make_project(random), random))
