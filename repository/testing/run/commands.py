"""The command lines of each runner, and how its results are read."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from repository.testing.detect.ecosystems import WAYS
from repository.testing.models import Recipe, Status
from repository.testing.run.reports.junit import UnreadableReport, parse_report, read_report
from repository.testing.run.reports.tools import read_cargo, read_go, read_jest

#: Seconds that one test may take, where the runner can be told.
EACH = 120
_SOURCE = Path(__file__).with_name("python_runner.py")
#: A script's verbose output: a file's heading as SymPy's runner writes it, then a line a test.
_HEADING = re.compile(r"^(\S+\.py)\[[\d, ]+\]")
_LINE = re.compile(
    r"^(?P<test>test\w*(?: \([\w.]+\))?)(?: \.\.\.)? (?P<how>ok|FAIL|ERROR|[FEsfXwTK]|skipped\b.*)$"
)
_MAX_LINE = 500
_HOW: dict[str, Status] = {
    "ok": "passed",
    "F": "failed",
    "FAIL": "failed",
    "E": "error",
    "ERROR": "error",
}


def command_lines(
    recipe: Recipe, python: Path | None, workspace: Path, tests: Sequence[str], seconds: float
) -> list[tuple[str, ...]]:
    """To be tried in turn until one leaves results: old pytests know fewer options, a repository's own options may need
    plugins that are not there, and scripts take modules or paths. ``seconds`` until the run is killed.
    """
    report = str(workspace / "report/junit.xml")
    limits = (report, f"{seconds * 0.9:g}", f"{min(EACH, seconds * 0.6):g}")
    wrapped = (str(python), "-c", _SOURCE.read_text())
    if (way := WAYS.get(recipe.runner)) is not None:
        return [("/bin/sh", "-c", way.test, "sh", *way.select(tests))]
    match recipe.runner:
        case "command":
            words = [
                [*tests] if word == "{tests}" else [word.replace("{report}", report)]
                for word in recipe.options
            ]
            return [tuple(word for part in words for word in part)]
        case "unittest":
            return [(*wrapped, "unittest", *limits, *tests)]
        case "script":
            ways = dict.fromkeys(labels(recipe.script, tests)) if tests else [()]
            return [
                (*wrapped, "script", *limits, recipe.script, *recipe.options, *way) for way in ways
            ]
        case "pytest":
            fixed = (
                "-p",
                "no:cacheprovider",
                "-p",
                "no:randomly",
                "-p",
                "no:random_order",
                "--maxfail=0",
            )
            plain = (str(python), "-m", "pytest", f"--junitxml={report}", *fixed, *tests)
            going_on = "--continue-on-collection-errors"
            bare = ("-o", "addopts=", "-o", "required_plugins=")
            return [
                (*wrapped, "pytest", *limits, *fixed, going_on, *tests),
                (*wrapped, "pytest", *limits, *fixed, going_on, *bare, *tests),
                plain,
            ]
    raise ValueError(f"no such runner: {recipe.runner}")


def labels(script: str, tests: Sequence[str]) -> list[tuple[str, ...]]:
    """Test files as a script may take them: modules from its folder on, their top packages, paths."""
    folder = PurePosixPath(script).parent
    modules = [
        ".".join(PurePosixPath(test).relative_to(folder).with_suffix("").parts)
        for test in tests
        if PurePosixPath(test).is_relative_to(folder)
    ]
    tops = tuple(dict.fromkeys(module.partition(".")[0] for module in modules))
    by_module = [tuple(modules), tops] if modules and folder.parts else []
    return [*by_module, tuple(tests)]


def shell_limits(workspace: Path, seconds: float) -> dict[str, str]:
    """What the lines of ``WAYS`` read."""
    each = min(EACH, seconds * 0.6)
    return {
        "REPORT": str(workspace / "report"),
        "EACH_MS": f"{each * 1000:.0f}",
        "SECONDS_LEFT": f"{seconds * 0.9:.0f}",
    }


def read_results(
    recipe: Recipe, workspace: Path, output: str
) -> tuple[dict[str, Status], dict[str, str]]:
    """Results and failure texts by test id; raises UnreadableReport."""
    folder = workspace / "report"
    if recipe.runner == "go":
        return read_go(read_report(folder, "go.json"))
    if recipe.runner == "jest":
        return read_jest(read_report(folder, "jest.json"), f"{workspace}/tree/")
    if recipe.runner == "cargo":
        return read_cargo(output)
    try:
        return parse_report(read_report(folder, "junit.xml"))
    except UnreadableReport:
        if recipe.runner == "script" and (results := read_lines(output)):
            return results, {}
        raise


def read_lines(output: str) -> dict[str, Status]:
    """Results from a script's verbose output: ``test_x ok`` below a heading ``path/test_y.py[3]``, and unittest's
    ``test_x (module.Class) ... ok``. Whatever else is printed is passed over."""
    results: dict[str, Status] = {}
    module = ""
    for line in output.splitlines():
        if len(line) > _MAX_LINE:
            continue
        if heading := _HEADING.match(line):
            module = heading[1].removesuffix(".py").replace("/", ".")
        elif found := _LINE.match(re.sub(r"\s*\[(?:OK|FAIL)\]\s*$", "", line)):
            name, _, place = found["test"].partition(" (")
            results[f"{place.rstrip(')') or module}::{name}"] = _HOW.get(found["how"], "skipped")
    return results
