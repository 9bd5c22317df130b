"""Compare how a recorded command ended there and here, and name the cause of a difference."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from benchmarks.recordings import NO_SUCH_PROGRAM, RecordedCommand
from benchmarks.shell_commands import Kind
from repository.workspace.output import NO_NETWORK

#: What a program prints that can't reach another machine.
NETWORK = re.compile(
    r"gaierror|Name or service not known|[Nn]ame resolution|Name does not resolve"
    r"|nodename nor servname|Network is unreachable|Max retries exceeded"
    r"|Failed to establish a new connection|Could not resolve host|No matching distribution found"
)
_NO_MODULE = re.compile(r"No module named|Unable to find module|ImportError while loading conftest")
_ASCII = re.compile(r"'ascii' codec can't (en|de)code|'locale' codec|POSIX locale")
_NO_PROGRAM = re.compile(r": command not found|No such file or directory: '\w+'")
_ROOT_HOME = re.compile(r"/root\b.*(Permission denied|Read-only file system)")
_NOT_PERMITTED = re.compile(r"Permission denied|Operation not permitted")
_NEWER_API = re.compile(
    r"unrecognized arguments|[Nn]o such option|has no attribute|cannot import name"
    r"|unexpected keyword argument|DeprecationWarning|PytestRemovedIn"
)
_YEAR = re.compile(r"\b20\d\d\b")
_NEWER_SYNTAX = re.compile(r"SyntaxError|IndentationError|removeprefix|removesuffix")

Weight = Literal["counted", "apart"]
"""Whether a difference counts against the agreement of exit codes, or is a figure of its own."""


@dataclass(frozen=True)
class CommandResult:
    """A command that was issued again."""

    recorded: RecordedCommand
    kind: Kind
    exit_code: int | None
    """Here; None if it ran into the time limit."""
    output: str
    """What the model is shown."""
    seconds: float

    @property
    def comparable(self) -> bool:
        return self.recorded.exit_code is not None

    @property
    def agrees(self) -> bool:
        return self.recorded.exit_code == self.exit_code

    @property
    def succeeded_as_recorded(self) -> bool:
        return (self.recorded.exit_code == 0) == (self.exit_code == 0)

    def cause(self) -> "Cause":
        """Return the first cause that explains why the exit codes differ."""
        return next(cause for cause in CAUSES if cause.explains(self))


@dataclass(frozen=True)
class Cause:
    """A reason why a command ends differently here."""

    name: str
    explains: Callable[[CommandResult], bool]
    weight: Weight = "counted"


def _only_here(pattern: re.Pattern[str]) -> Callable[[CommandResult], bool]:
    def explains(result: CommandResult) -> bool:
        here = pattern.search(result.output)
        return bool(here) and not pattern.search(result.recorded.output)

    return explains


def _only_there(pattern: re.Pattern[str]) -> Callable[[CommandResult], bool]:
    def explains(result: CommandResult) -> bool:
        there = pattern.search(result.recorded.output)
        return bool(there) and not pattern.search(result.output)

    return explains


def _needs_network(result: CommandResult) -> bool:
    return NO_NETWORK in result.output or _only_here(NETWORK)(result)


def _lacks_program(result: CommandResult) -> bool:
    return result.exit_code == NO_SUCH_PROGRAM or _only_here(_NO_PROGRAM)(result)


def _passes_only_here(result: CommandResult) -> bool:
    return result.kind == "tests" and result.exit_code == 0


def _prints_another_year(result: CommandResult) -> bool:
    """Whether lines of the output are the recorded ones but for their year."""
    there = set(result.recorded.output.splitlines())
    here = set(result.output.splitlines())
    without_year_there = {_YEAR.sub("YEAR", line) for line in there - here}
    without_year_here = {_YEAR.sub("YEAR", line) for line in here - there if _YEAR.search(line)}
    return not without_year_there.isdisjoint(without_year_here)


UNEXPLAINED = Cause("unexplained", lambda _: True)

#: The expected causes, the most certain first. A difference without a cause is a finding.
CAUSES: tuple[Cause, ...] = (
    Cause("time limit", lambda result: result.exit_code is None),
    Cause("network", _needs_network, "apart"),
    Cause("tests pass only here", _passes_only_here, "apart"),
    Cause("program missing here", _lacks_program),
    Cause("ASCII locale there", _only_there(_ASCII)),
    Cause("/root is not writable here", _only_here(_ROOT_HOME)),
    Cause("commands do not run as root here", _only_here(_NOT_PERMITTED)),
    Cause("module missing here", _only_here(_NO_MODULE)),
    Cause("module missing there", _only_there(_NO_MODULE)),
    Cause("another interpreter here", _only_here(_NEWER_SYNTAX)),
    Cause("other package versions here", _only_here(_NEWER_API)),
    Cause("other package versions there", _only_there(_NEWER_API)),
    Cause("another year here", _prints_another_year),
    UNEXPLAINED,
)


class Agreement(BaseModel):
    """How many of the comparable commands ended with the recorded exit code."""

    model_config = ConfigDict(frozen=True)

    same: int
    compared: int

    @classmethod
    def of(cls, results: Iterable[CommandResult]) -> "Agreement":
        """Count all results but those whose difference is a figure of its own."""
        same = 0
        compared = 0
        for result in results:
            if not result.comparable:
                continue
            if result.agrees:
                same += 1
                compared += 1
            elif result.cause().weight == "counted":
                compared += 1
        return cls(same=same, compared=compared)
