"""Languages beside Python: what shows each, how it is fetched and built, how its tests are run and
told. One table.

Steps are shell lines. Fetching has the network and runs none of the repository's code where the
tool can tell the two apart; building has no network. What they leave is in the tree, the tool's own
caches below ``$KEPT`` in it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from repository.files import matches
from repository.runners import Runner
from repository.testing.detect.files import table

KEPT = ".coding-agent-kept"
_MAX_READ = 400
#: Many reports, one document: "$REPORT" is the folder to leave it in.
_GATHER = """code=$?; { echo '<testsuites>'; find . -path '*/%s/TEST-*.xml' -type f -exec sed 's/<?xml[^>]*?>//' {} \\;
echo '</testsuites>'; } > "$REPORT/junit.xml"; exit $code"""
_MAVEN = 'mvn -B -q -s "$KEPT/settings.xml" -Dmaven.repo.local="$KEPT/m2"'
#: This machine's own repository, where it has one, is a mirror that needs no network.
_SETTINGS = """echo "<settings><mirrors><mirror><id>here</id><mirrorOf>*</mirrorOf>\
<url>file://$M2_HERE</url></mirror></mirrors></settings>" > $KEPT/settings.xml; """
_NODE_TESTS = """[ $# -gt 0 ] || { IFS='
'; set -f; set -- $(find . -name node_modules -prune -o -type f \\( -name '*.test.[cm]js' -o -name '*.test.[jt]s' \\
  -o -name '*.spec.[jt]s' -o -path '*/test/*.[jt]s' -o -path '*/test/*.[cm]js' -o -path '*/tests/*.js' \\
  -o -path '*/__tests__/*.js' \\) -print | sed 's|^\\./||' | sort); unset IFS; }
code=0; echo '<testsuites>' > "$REPORT/junit.xml"
for file in "$@"; do
  node --test --test-timeout=$EACH_MS --test-reporter=junit --test-reporter-destination=/tmp/one.xml "$file" || code=1
  { echo "<testsuite name=\\"$file\\">"; sed 's/<?xml[^>]*?>//' /tmp/one.xml
    echo '</testsuite>'; } >> "$REPORT/junit.xml"
done; echo '</testsuites>' >> "$REPORT/junit.xml"; exit $code"""


@dataclass(frozen=True)
class Ecosystem:
    """``shown_by``: a file at the root. ``contains``: what marks a test within a file of the
    patterns.
    """

    name: str
    shown_by: tuple[str, ...]
    patterns: tuple[str, ...]
    contains: str
    tools: tuple[str, ...]
    get: str
    """What a person would install to make it possible."""
    apart: tuple[str, ...] = ()
    """Patterns of files that hold nothing but tests, where those of ``patterns`` may hold more."""


@dataclass(frozen=True)
class Way:
    """How one runner is used. In ``test``, "$@" are the chosen tests as ``select`` puts them; none:
    all of them.
    """

    test: str
    select: Callable[[Sequence[str]], list[str]] = list


def _packages(tests: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(f"./{PurePosixPath(test).parent}" for test in tests)) or ["./..."]


def _targets(tests: Sequence[str]) -> list[str]:
    """Integration tests are targets of their own; what lies in the sources is in the library's."""
    stems = [
        PurePosixPath(test).stem
        for test in tests
        if test.startswith("tests/") and test.count("/") == 1
    ]
    inside = [test for test in tests if not test.startswith("tests/")]
    return [word for stem in stems for word in ("--test", stem)] if stems and not inside else []


def _classes(tests: Sequence[str]) -> list[str]:
    return [f"-Dtest={','.join(PurePosixPath(test).stem for test in tests)}"] if tests else []


def _gradle_classes(tests: Sequence[str]) -> list[str]:
    return [word for test in tests for word in ("--tests", f"*{PurePosixPath(test).stem}")]


_ENDS = ("js", "ts", "jsx", "tsx", "mjs", "cjs", "mts")
_JS = tuple(f"*.{word}.{end}" for word in ("test", "spec") for end in _ENDS)
_JS += tuple(f"{folder}/*.{end}" for folder in ("test", "tests", "__tests__") for end in _ENDS)

ECOSYSTEMS = (
    Ecosystem(
        "node", ("package.json",), _JS, r"\b(?:test|it|describe)\b", ("node", "npm"), "Node.js"
    ),
    Ecosystem("go", ("go.mod",), ("*_test.go",), r"^func Test", ("go",), "Go"),
    Ecosystem(
        "rust",
        ("Cargo.toml",),
        ("*.rs",),
        r"#\[(?:\w+::)?test\b",
        ("cargo",),
        "Rust's cargo",
        ("tests/*.rs",),
    ),
    Ecosystem(
        "maven",
        ("pom.xml",),
        ("*Test.java", "Test*.java", "*Tests.java", "*Test.kt"),
        "Test",
        ("mvn", "java"),
        "Maven",
    ),
    Ecosystem(
        "gradle",
        ("build.gradle", "build.gradle.kts"),
        ("*Test.java", "*Tests.java", "*Test.kt", "*Spec.groovy"),
        "Test",
        ("gradle", "java"),
        "Gradle",
    ),
)

WAYS: Mapping[str, Way] = {
    "jest": Way(
        "node_modules/.bin/jest --ci --runInBand --testTimeout=$EACH_MS --json"
        ' --outputFile="$REPORT/jest.json" "$@"'
    ),
    "vitest": Way(
        "node_modules/.bin/vitest run --testTimeout=$EACH_MS --reporter=default --reporter=junit"
        ' --outputFile.junit="$REPORT/junit.xml" "$@"'
    ),
    "mocha": Way(
        "node_modules/.bin/mocha --timeout $EACH_MS --reporter xunit"
        ' --reporter-option output="$REPORT/junit.xml" "$@"'
    ),
    "node:test": Way(_NODE_TESTS),
    "go": Way('go test -json -timeout "${SECONDS_LEFT}s" "$@" > "$REPORT/go.json"', _packages),
    "cargo": Way('cargo test --offline --no-fail-fast "$@" -- --test-threads=2', _targets),
    "maven": Way(
        f'{_MAVEN} -o -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false test "$@"'
        f"; {_GATHER % 'surefire-reports'}",
        _classes,
    ),
    "gradle": Way(
        f'gradle --offline --no-daemon --continue test "$@"; {_GATHER % "test-results/*"}',
        _gradle_classes,
    ),
}

_NODE_RUNNERS: tuple[tuple[Runner, str], ...] = (
    ("vitest", r"\bvitest\b"),
    ("jest", r"\bjest\b|react-scripts test"),
    ("mocha", r"\bmocha\b"),
    ("node:test", r"\bnode\b.*--test\b"),
)
#: Lock file -> (tool, how it fetches what the lock says). Scripts of packages do not run.
_NODE_FETCH = (
    ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile --ignore-scripts"),
    ("yarn.lock", "yarn", "yarn install --frozen-lockfile --ignore-scripts --non-interactive"),
    ("package-lock.json", "npm", "npm ci --ignore-scripts --no-audit --no-fund"),
    ("npm-shrinkwrap.json", "npm", "npm ci --ignore-scripts --no-audit --no-fund"),
    (
        "package.json",
        "npm",
        "npm install --ignore-scripts --no-audit --no-fund --no-package-lock --before=$BEFORE",
    ),
)
_RUNNERS: Mapping[str, Runner] = {"go": "go", "rust": "cargo", "maven": "maven", "gradle": "gradle"}
#: The tests run once with the network: Surefire fetches what runs them only when it does.
_JVM = "-Dmaven.test.failure.ignore=true"
#: (with the network?, line)
_STEPS: Mapping[str, tuple[tuple[bool, str], ...]] = {
    "go": (
        (True, "go mod download"),
        (False, "go build ./... && go test -run NoSuchTest ./... > /dev/null; true"),
    ),
    "cargo": ((True, "cargo fetch"), (False, "cargo test --offline --no-run")),
    "maven": (
        (
            True,
            (
                f"{_SETTINGS}{_MAVEN} {_JVM} test || {{ echo '<settings/>' > $KEPT/settings.xml;"
                f" {_MAVEN} {_JVM} test; }}"
            ),
        ),
    ),
    "gradle": ((True, "gradle --no-daemon testClasses"),),
}


@dataclass
class Shown:
    """What the files show of one ecosystem; ``runner`` None where there is none that is known, and
    ``why``.
    """

    ecosystem: Ecosystem
    test_files: list[str]
    texts: dict[str, str]
    runner: Runner | None = None
    why: str = ""
    tools: list[str] = field(default_factory=list)
    steps: list[tuple[bool, str]] = field(default_factory=list)


def detect_other(paths: Sequence[str], read: Callable[[str], str | None]) -> Shown | None:
    """The ecosystem beside Python with the most test files; None where none shows itself at the
    root.
    """
    known = set(paths)
    there = [_shown(one, paths, read) for one in ECOSYSTEMS if known.intersection(one.shown_by)]
    if not there:
        return None
    shown = max(there, key=lambda one: len(one.test_files))
    name = shown.ecosystem.name
    shown.tools = list(shown.ecosystem.tools)
    if name == "node":
        _node(shown, known, read("package.json") or "")
    else:
        shown.runner = _RUNNERS[name]
        shown.why = f"it has {shown.ecosystem.shown_by[0]}"
        shown.steps = list(_STEPS[shown.runner])
    return shown


def _shown(one: Ecosystem, paths: Sequence[str], read: Callable[[str], str | None]) -> Shown:
    named = [path for path in paths if matches(path, one.patterns) and "node_modules/" not in path][
        :_MAX_READ
    ]
    texts = {path: read(path) or "" for path in named}
    marked = {path: text for path, text in texts.items() if re.search(one.contains, text, re.M)}
    return Shown(one, list(marked), marked)


def _node(shown: Shown, known: set[str], text: str) -> None:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        package = None
    if not isinstance(package, dict):
        shown.why = "its package.json can't be read"
        return
    scripts = table(package, "scripts")
    called = str(scripts.get("test", ""))
    needed = {*table(package, "dependencies"), *table(package, "devDependencies")}
    for runner, pattern in _NODE_RUNNERS:
        if re.search(pattern, called):
            shown.runner = runner
            shown.why = f"its script test calls {runner}"
            break
    else:
        by_import = any(re.search(r"['\"]node:test['\"]", text) for text in shown.texts.values())
        shown.runner = next(
            (r for r, _ in _NODE_RUNNERS if r in needed), "node:test" if by_import else None
        )
        shown.why = (
            f"it asks for {shown.runner}"
            if shown.runner in needed
            else "its tests import node:test"
        )
    if shown.runner is None:
        shown.why = (
            f"no known runner: its script test is {called[:100]!r}; jest, vitest, mocha and node"
            " --test are known"
        )
        return
    if needed:
        tool, fetch = next((tool, fetch) for lock, tool, fetch in _NODE_FETCH if lock in known)
        shown.tools = ["node", tool]
        shown.steps = [(True, fetch)]
    shown.steps += [(False, "npm run pretest")] if "pretest" in scripts else []
