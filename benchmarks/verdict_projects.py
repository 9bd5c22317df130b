"""Small made-up projects whose functions and tests have known results.

A function of a project computes ``x * factor + small``, or ``+ large`` for arguments above
``LARGEST_SMALL``, so that each has two branches of which a test runs one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Protocol

LARGEST_SMALL = 10
"""The largest argument of a function's first branch."""
LUCK = "VERDICTS_LUCK"
"""The environment variable with a number from 0 to 9,999 that differs from run to run."""
UNLUCKY_TENTHS = 3
"""Of ten runs, those in which a flaky test fails."""


class Trap(StrEnum):
    """A test that behaves in a way that misleads a judge."""

    FLAKY = "flaky"
    """Fails in some runs."""
    ADDRESS_ID = "address id"
    RANDOM_ID = "random id"
    ORDER = "order"
    """Passes only after a test of another file."""
    SLOW = "slow"
    SKIPPED = "skipped"
    EXPECTED_FAILURE = "expected failure"
    RED = "red"
    """Fails always."""
    EXIT = "exit"
    """Ends its process, as a program would."""
    CRASH = "crash"
    """Is killed by a signal."""
    LOAD_ERROR = "load error"
    """Its file can't be loaded."""


FAILING = frozenset({Trap.RED, Trap.EXIT, Trap.CRASH, Trap.LOAD_ERROR})
"""A suite with one of these never passes."""


class Sight(IntEnum):
    """What the product learns about the code that tests run; each includes the one before."""

    PACKAGES = 1
    FILES = 2
    LINES = 3


class Fault(StrEnum):
    """What a function does instead of returning."""

    EXIT = "exit"
    LOOP = "loop"


@dataclass(frozen=True)
class Function:
    name: str
    factor: int
    small: int
    large: int
    reordered: bool = False
    """Whether the terms of its first branch are in another order, which changes no result."""
    fault: Fault | None = None

    def value(self, argument: int) -> int:
        summand = self.large if argument > LARGEST_SMALL else self.small
        return argument * self.factor + summand


@dataclass(frozen=True)
class Module:
    functions: tuple[Function, ...]
    unloadable: bool = False


@dataclass(frozen=True)
class Check:
    """A test of one function."""

    name: str
    module: str
    function: str
    argument: int
    expected: int
    weak: bool = False
    """Whether it accepts any result."""
    skipped: bool = False


@dataclass(frozen=True)
class TestFile:
    __test__ = False

    checks: tuple[Check, ...] = ()
    traps: tuple[Trap, ...] = ()


@dataclass(frozen=True)
class Project:
    modules: Mapping[str, Module]
    tests: Mapping[str, TestFile]
    """Name, without a language's prefix or extension -> test file."""
    readme: str = "A shop.\n"

    def function(self, module: str, name: str) -> Function:
        return next(each for each in self.modules[module].functions if each.name == name)

    def with_function(self, module: str, function: Function) -> "Project":
        """Return the project with another version of one of its functions."""
        functions = self.modules[module].functions
        changed = tuple(function if each.name == function.name else each for each in functions)
        return self.with_module(module, replace(self.modules[module], functions=changed))

    def with_module(self, name: str, module: Module) -> "Project":
        return replace(self, modules={**self.modules, name: module})

    def with_tests(self, name: str, tests: TestFile) -> "Project":
        return replace(self, tests={**self.tests, name: tests})

    def without_tests(self, name: str) -> "Project":
        left = {other: tests for other, tests in self.tests.items() if other != name}
        return replace(self, tests=left)

    @property
    def traps(self) -> frozenset[Trap]:
        return frozenset(trap for tests in self.tests.values() for trap in tests.traps)


class Language(Protocol):
    """Writes a project in a language, for one of its test runners."""

    @property
    def runner(self) -> str: ...

    @property
    def traps(self) -> frozenset[Trap]:
        """Those that its test files can contain."""
        ...

    @property
    def sight(self) -> Sight: ...

    def render(self, project: Project) -> dict[str, str]:
        """Return path -> content of the project's files."""
        ...
