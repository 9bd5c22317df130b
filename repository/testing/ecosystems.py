"""Go, Rust and Java: how each is recognized and built, and how its tests are run.

Steps and commands are shell lines. Fetching has network access and, if the tool can separate the
two, runs none of the repository's code; building has no network access. Both write into the tree;
the tools' own caches are below ``$KEPT`` in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from repository.languages import Language
from repository.runners import NODE_RUNNERS, PYTHON_RUNNERS, Runner
from repository.testing.models import BuildStep

KEPT = ".coding-agent-kept"
"""The folder of the tools' caches in the tree; ``$KEPT`` is its path."""
NODE_FOLDER = "node"
"""Below ``KEPT``: the Node.js that was fetched for the repository, if any."""


@dataclass(frozen=True)
class Ecosystem:
    """A language and its tools."""

    language: Language
    revealed_by: tuple[str, ...]
    """Files in the root folder; any of them reveals the language."""
    patterns: tuple[str, ...]
    """Patterns of files that may contain tests."""
    test_mark: str
    """A regular expression that matches in files that do contain tests."""
    tools: tuple[str, ...]
    """Programs that must be installed on the machine."""
    runner: Runner
    steps: tuple[BuildStep, ...] = ()
    """Steps to take before the tests can run."""
    test_only_patterns: tuple[str, ...] = ()
    """Patterns of files that contain only tests, if those of ``patterns`` may contain more."""


def _read_script(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _fetch(command: str, title: str = "") -> BuildStep:
    return BuildStep(command=command, network=True, title=title)


def _compile(command: str) -> BuildStep:
    """Return a step that compiles the tests before they run; they say themselves what fails."""
    return BuildStep(command=command, network=False, title="compile the tests", required=False)


_GO_MODE = _read_script("go_mode.sh")
_JAVA_REPORTS = _read_script("java_reports.sh")

_MAVEN = 'mvn -B -q -s "$KEPT/settings.xml" -Dmaven.repo.local="$KEPT/m2"'
_MAVEN_MIRROR = (
    "<settings><mirrors><mirror><id>here</id><mirrorOf>*</mirrorOf>"
    "<url>file://$M2_HERE</url></mirror></mirrors></settings>"
)
"""This machine's own Maven repository, if any, serves as a mirror that needs no network."""
_MAVEN_TEST = f"{_MAVEN} -Dmaven.test.failure.ignore=true test"
"""The tests run once with network access: Surefire fetches its test provider only when it runs."""

ECOSYSTEMS = (
    Ecosystem(
        language="Go",
        revealed_by=("go.mod",),
        patterns=("*_test.go",),
        test_mark=r"^func (?:Test|Example|Fuzz)",
        tools=("go",),
        runner="go",
        steps=(
            _fetch(
                f'{_GO_MODE}\n[ "$GOFLAGS" = -mod=vendor ] || go mod download',
                "go mod download, unless its modules are vendored",
            ),
            _compile(f"{_GO_MODE}\ngo test -exec true ./... > /dev/null"),
        ),
    ),
    Ecosystem(
        language="Rust",
        revealed_by=("Cargo.toml",),
        patterns=("*.rs",),
        test_mark=r"#\[(?:\w+::)?(?:test|rstest|test_case)\b|^[^\S\n]*//[/!][^\S\n]*```",
        tools=("cargo",),
        runner="cargo",
        steps=(
            _fetch("cargo fetch"),
            _compile("cargo test --offline --workspace --no-run"),
        ),
        test_only_patterns=("tests/*.rs",),
    ),
    Ecosystem(
        language="Java",
        revealed_by=("pom.xml",),
        patterns=("*Test.java", "Test*.java", "*Tests.java", "*Test.kt"),
        test_mark="Test",
        tools=("mvn", "java"),
        runner="maven",
        steps=(
            _fetch(
                f'echo "{_MAVEN_MIRROR}" > $KEPT/settings.xml; {_MAVEN_TEST}'
                f" || {{ echo '<settings/>' > $KEPT/settings.xml; {_MAVEN_TEST}; }}",
                "mvn test, with packages of this machine or else of the network",
            ),
        ),
    ),
    Ecosystem(
        language="Java",
        revealed_by=("build.gradle", "build.gradle.kts"),
        patterns=("*Test.java", "*Tests.java", "*Test.kt", "*Spec.groovy"),
        test_mark="Test",
        tools=("gradle", "java"),
        runner="gradle",
        steps=(_fetch("gradle --no-daemon testClasses"),),
    ),
)


@dataclass(frozen=True)
class ShellRunner:
    """How to call a test runner."""

    command: str
    """A shell line. "$@" are the chosen tests (none: all), "$REPORT" is the report's folder."""
    select: Callable[[Sequence[str]], list[str]] = list
    """Return the arguments that choose test files."""


def _select_go_packages(tests: Sequence[str]) -> list[str]:
    packages = dict.fromkeys(f"./{PurePosixPath(test).parent}" for test in tests)
    return list(packages) or ["./..."]


_CARGO_SOURCE_FOLDERS = ("src", "tests", "examples", "benches")


def _select_cargo_targets(tests: Sequence[str]) -> list[str]:
    """Select integration tests of the root package by target, otherwise packages by folder.

    Tests inside the root package's sources need all packages.
    """
    packages: dict[str, None] = {}
    targets: list[str] = []
    for test in tests:
        package = _cargo_package(test)
        if package:
            packages[f"./{package}"] = None
        elif not test.startswith("tests/"):
            return []
        elif test.count("/") == 1:
            targets += ["--test", PurePosixPath(test).stem]
    if packages and targets:
        return []
    return list(packages) or targets


def _cargo_package(test: str) -> str:
    """Return the folder of a file's package; empty for the root package."""
    parts = PurePosixPath(test).parts
    for number, part in enumerate(parts):
        if part in _CARGO_SOURCE_FOLDERS:
            return "/".join(parts[:number])
    return ""


def _select_maven_classes(tests: Sequence[str]) -> list[str]:
    if not tests:
        return []
    classes = [PurePosixPath(test).stem for test in tests]
    return [f"-Dtest={','.join(classes)}"]


def _select_gradle_classes(tests: Sequence[str]) -> list[str]:
    arguments = []
    for test in tests:
        arguments += ["--tests", f"*{PurePosixPath(test).stem}"]
    return arguments


SHELL_RUNNERS: Mapping[str, ShellRunner] = {
    "go": ShellRunner(
        f"{_GO_MODE}\n{_read_script('go_tests.sh')}",
        _select_go_packages,
    ),
    "cargo": ShellRunner(_read_script("cargo_tests.sh"), _select_cargo_targets),
    "maven": ShellRunner(
        f"{_JAVA_REPORTS}\n{_read_script('maven_tests.sh')}", _select_maven_classes
    ),
    "gradle": ShellRunner(
        f"{_JAVA_REPORTS}\n{_read_script('gradle_tests.sh')}", _select_gradle_classes
    ),
}


def language_of_runner(runner: Runner | None) -> Language | None:
    """Return the language whose tests a runner runs; None for the repository's own command."""
    if runner == "command":
        return None
    if runner in PYTHON_RUNNERS:
        return "Python"
    if runner in NODE_RUNNERS:
        return "JavaScript"
    for ecosystem in ECOSYSTEMS:
        if ecosystem.runner == runner:
            return ecosystem.language
    return None
