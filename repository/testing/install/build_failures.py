"""Why a build of the repository failed, and what may still help."""

import re
from enum import StrEnum

from repository.testing.install.uv_errors import first_error

#: In the output of a failing build: the module or package that is missing.
_MISSING = re.compile(
    r"No module named '?(\w+)|\b(\w+)\)? is not installed|\b(\w+) must be available and importable"
    r"|\.p[yx][xdi]:\d+:\d+: '(\w+)[/.][\w/.]{1,200}' not found|fatal error: (numpy|pybind11)/",
    re.I,
)
#: What a build says that no date and no other way of installing would change.
_NO_PACKAGE = re.compile(
    r"package-mode|non-package mode|Multiple top-level (?:packages|modules) discovered"
    r"|Unable to determine which files to ship|No file/folder found for package"
    r"|does not appear to be a Python project|`project` must contain|invalid pyproject\.toml config"
    r"|neither [`'\"]?setup\.py|Failed to parse: `pyproject\.toml`|TOML parse error",
    re.I,
)
_NEEDS_NETWORK = re.compile(
    r"urlopen error|URLError|Failed to download any|Name or service not known"
    r"|Temporary failure in name resolution|Could not resolve host|NewConnectionError"
    r"|failed to (?:fetch|get|download from) .{0,200}crates|index\.crates\.io|Blocking waiting for"
    r"|spurious network error|failed to load source for dependency",
    re.I,
)
_UNSOLVABLE = re.compile(r"No solution found when resolving dependencies(?! for)", re.I)
_NOT_EDITABLE = re.compile(
    r"has no attribute '(?:get_requires_for_)?build_editable'|does not support editables", re.I
)
_COMPILER = re.compile(
    r"error: command .{0,200} failed|CompileError|fatal error: |ninja: build stopped"
    r"|Compiler .{0,80}can(?:not|'t) compile|Unknown compiler|CMake Error",
    re.I,
)
_VARIABLE_PARTS = re.compile(r"/[^\s'\"`:]+|0x[0-9a-f]+|\d+", re.I)
_ERROR_LINE = re.compile(r"\b\w*(?:error|exception)\b", re.I)
_EXCEPTION = re.compile(r"^\s*(?:[\w.]{0,80}(?:Error|Exception)|(?:fatal )?error): .", re.M)
_COMPARED_LINES = 12


class BuildFailure(StrEnum):
    NO_PACKAGE = "it declares no package that can be built"
    NEEDS_NETWORK = "its build downloads something"
    UNSOLVABLE = "its requirements can't be had together"
    TOO_SLOW = "its build takes too long"
    NOT_EDITABLE = "its build back end makes no editable install"
    MISSING_MODULE = "its build imports a module that it does not declare"
    COMPILER = "its sources don't compile"
    OTHER = "its build failed"

    @property
    def is_final(self) -> bool:
        """Whether no date and no other way of building it helps."""
        return self in (
            BuildFailure.NO_PACKAGE,
            BuildFailure.NEEDS_NETWORK,
            BuildFailure.TOO_SLOW,
        )

    @property
    def may_copy(self) -> bool:
        """Whether a copy may be built where an editable install failed in this way."""
        return self in (BuildFailure.NOT_EDITABLE, BuildFailure.OTHER)

    @property
    def may_pass_later(self) -> bool:
        """Whether packages of another date may help."""
        return not self.is_final and self is not BuildFailure.MISSING_MODULE

    @property
    def may_build_without_isolation(self) -> bool:
        return not self.is_final and self is not BuildFailure.UNSOLVABLE


def classify(output: str) -> BuildFailure:
    """Return the kind of a failure from the output of uv and of the build."""
    if _NO_PACKAGE.search(output):
        return BuildFailure.NO_PACKAGE
    if _NEEDS_NETWORK.search(output):
        return BuildFailure.NEEDS_NETWORK
    if _NOT_EDITABLE.search(output):
        return BuildFailure.NOT_EDITABLE
    if _UNSOLVABLE.search(output):
        return BuildFailure.UNSOLVABLE
    if missing_in_build(output):
        return BuildFailure.MISSING_MODULE
    if _COMPILER.search(output):
        return BuildFailure.COMPILER
    return BuildFailure.OTHER


def missing_in_build(output: str) -> set[str]:
    """Return the modules that a failing build reports as missing."""
    return {name for names in _MISSING.findall(output) for name in names if name}


def cause_of(output: str) -> str:
    """Return the last exception in a build's output, else uv's first error."""
    exceptions = [line.strip() for line in output.splitlines() if _EXCEPTION.search(line)]
    return exceptions[-1][:300] if exceptions else first_error(output)


def fingerprint(output: str) -> tuple[str, ...]:
    """Return the errors in a build's output without what differs between two equal failures."""
    errors = [line for line in output.splitlines() if _ERROR_LINE.search(line)]
    return tuple(_VARIABLE_PARTS.sub("_", line.strip()) for line in errors[-_COMPARED_LINES:])
