"""How a repository is tested, from evidence in its files: the runners to try, the test files, what
they need.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from repository.config import CONFIG, ConfigError, TestsConfig, read_tests_config
from repository.files import AMBIGUOUS_TEST_FOLDERS, TEST_FOLDERS, is_test_file, matches
from repository.runners import Runner
from repository.testing.detect.automation import Said, listen
from repository.testing.detect.ecosystems import Shown, detect_other
from repository.testing.detect.files import ini, table, toml, words
from repository.testing.detect.needs import Needs, distinct, gather, said_in_setup

_PYTEST_SECTIONS = (
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)
_DEFAULT_PATTERNS = ("test_*.py", "*_test.py", "tests.py")
#: A repository's own script that runs its tests, as Django and SymPy have one.
_SCRIPT = re.compile(r"(?:(?:tests?|testing|bin|scripts|tools)/)?(?:run_?tests?(?:\.py)?)|bin/test")
#: Given to it where its text has them: results a line, a fixed order, one process.
_OPTIONS = ("--verbose", "--seed=1", "--parallel=1")
_MAX_SAMPLED = 400


@dataclass
class Detected:
    runners: list[Runner] = field(default_factory=list)
    """To be tried in this order; empty: there is nothing to run."""
    why: str = ""
    other: Shown | None = None
    """Where the tests are not Python's."""
    config: TestsConfig = field(default_factory=TestsConfig)
    script: str = ""
    options: tuple[str, ...] = ()
    test_files: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """Test files' contents, of the first few hundred."""
    patterns: tuple[str, ...] = _DEFAULT_PATTERNS
    packaged: bool = False
    needs: Needs = field(default_factory=Needs)
    source_root: str = ""
    requires_python: str | None = None
    name: str = ""
    backend: str = ""
    asks_git: bool = False
    classified: list[int] = field(default_factory=list)
    said: Said = field(default_factory=Said)


def detect(paths: list[str], read: Callable[[str], str | None]) -> Detected:
    """``paths``: the regular files of the tree; ``read`` gives a file's text, None where there is
    none.
    """
    found = Detected()
    known = set(paths)
    try:
        found.config = read_tests_config(read(CONFIG))
    except ConfigError as error:
        found.why = str(error)
        return found
    texts: dict[str, str] = {
        name: read(name) or ""
        for name in ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini")
        if name in known
    }
    project = toml(texts.get("pyproject.toml", ""))
    setup_cfg = ini(texts.get("setup.cfg", ""))
    tox = ini(texts.get("tox.ini", ""))
    _metadata(found, project, texts, paths)
    root = _stated_root(project, setup_cfg, texts.get("setup.py", ""))
    tops = [top for top in (root, "src", "lib") if top]
    found.source_root = next(
        (top for top in tops if any(_package_below(path, top) for path in paths)), ""
    )
    configured = _pytest_config(
        project, {name: ini(read(name) or "") for name, _ in _PYTEST_SECTIONS if name in known}
    )
    if configured is not None and (stated := words(configured.get("python_files"))):
        found.patterns = tuple(
            pattern if pattern.endswith(".py") else f"{pattern}.py" for pattern in stated
        )
    found.test_files = [path for path in paths if is_test_file(path, found.patterns)]
    conftests = [path for path in paths if PurePosixPath(path).name == "conftest.py"]
    folders = {PurePosixPath(path).parent for path in found.test_files}
    shared = [
        path
        for path in paths
        if path.endswith("__init__.py") and PurePosixPath(path).parent in folders
    ]
    for path in found.test_files[:_MAX_SAMPLED]:
        found.texts[path] = read(path) or ""
    _find_script(found, paths, read)
    found.said = listen(paths, read, found.script)
    found.needs = gather(
        texts,
        paths,
        read,
        project=project,
        setup_cfg=setup_cfg,
        tox=tox,
        installs=found.said.installs,
        tests=found.texts | {path: read(path) or "" for path in (*conftests[:20], *shared[:20])},
        pytest_says=str(configured or ""),
        itself=found.name,
    )
    _decide(found, configured is not None, bool(conftests))
    other = detect_other(paths, read)
    if other and len(other.test_files) > len(found.test_files if found.runners else ()):
        found.other = other
        found.test_files = other.test_files
        found.texts = other.texts
        found.patterns = other.ecosystem.apart or other.ecosystem.patterns
        found.runners = [other.runner] if other.runner else []
        found.why = other.why
    _configured(found, paths)
    return found


def _configured(found: Detected, paths: list[str]) -> None:
    """What the repository itself says goes before what was found out."""
    config = found.config
    if config.files:
        found.patterns = config.files
        found.test_files = [path for path in paths if matches(path, config.files)]
    if config.command or config.runner:
        found.runners = ["command"] if config.command else [config.runner or "pytest"]
        found.options = config.command or found.options
        found.why = f"{CONFIG} says so"
    found.needs.requirements = distinct([*config.requirements, *found.needs.requirements])


def _decide(found: Detected, configured: bool, conftests: bool) -> None:
    """pytest where its own words are used or configured; a script of the repository's own where there is one; else what
    its automation calls; else what the tests look like. The others follow, for when the first runs nothing.
    """
    tests = found.texts.values()
    uses_pytest = any(
        re.search(r"^[ \t]*(?:import|from)[ \t]+_?pytest\b", text, re.M) for text in tests
    )
    functions = any(re.search(r"^(?:async )?def test", text, re.M) for text in tests)
    cases = any(re.search(r"\bTestCase\b", text) for text in tests)
    classes = any(re.search(r"^class \w*Test", text, re.M) for text in tests)
    called = found.said.runner(found.script)
    reasons: dict[Runner, str] = {}
    if configured or uses_pytest:
        reasons["pytest"] = "pytest is configured" if configured else "its tests are pytest's"
    if found.script:
        reasons["script"] = f"{found.script} is its own test runner"
    if called == "pytest" or conftests or functions:
        how = (
            "its automation calls pytest"
            if called == "pytest"
            else "its tests are as pytest finds them"
        )
        reasons.setdefault("pytest", how)
    if cases:
        reasons["unittest"] = "its tests are unittest's TestCases"
    elif classes:
        reasons.setdefault("pytest", "its tests are classes as pytest finds them")
    if not found.test_files:
        found.why = "the repository has no test files that pytest or unittest would find"
    elif not reasons:
        found.why = "none of the test files has a test that pytest or unittest would find"
    else:
        found.runners = list(reasons)
        found.why = next(iter(reasons.values()))


def _find_script(found: Detected, paths: Iterable[str], read: Callable[[str], str | None]) -> None:
    for path in sorted(
        (path for path in paths if _SCRIPT.fullmatch(path)), key=lambda path: path.count("/")
    ):
        text = read(path) or ""
        if path.endswith(".py") or re.match(r"#!.*python", text):
            found.script = path
            found.options = tuple(
                option
                for option in _OPTIONS
                if re.search(rf"['\"]{option.partition('=')[0]}['\"]", text)
            )
            return


def _package_below(path: str, top: str) -> bool:
    return re.fullmatch(rf"{re.escape(top)}/(?:[^/]+|[^/]+/__init__)\.py", path) is not None


def _stated_root(project: dict[str, Any], setup_cfg: Any, setup: str) -> str:
    """Where the packages lie, by their own word."""
    told = table(project, "tool", "setuptools")
    where = table(told, "packages", "find").get("where")
    found = [table(told, "package-dir").get(""), *(where if isinstance(where, list) else [])]
    found += [setup_cfg.get("options.packages.find", "where", fallback="")]
    found += re.findall(
        r"^=[ \t]*(\S+)$", setup_cfg.get("options", "package_dir", fallback=""), re.M
    )
    found += re.findall(
        r"package_dir[ \t]*=[ \t]*\{[ \t]*['\"]{2}[ \t]*:[ \t]*['\"]([\w./-]+)['\"]", setup
    )
    known = (name.strip().removeprefix("./").rstrip("/") for name in found if isinstance(name, str))
    return next((name for name in known if name and name != "."), "")


def _metadata(
    found: Detected, project: dict[str, Any], texts: dict[str, str], paths: Iterable[str]
) -> None:
    setup_cfg = ini(texts.get("setup.cfg", ""))
    found.packaged = (
        "setup.py" in texts
        or "build-system" in project
        or "project" in project
        or setup_cfg.has_option("metadata", "name")
    )
    stated = table(project, "project").get("requires-python") or table(
        project, "tool", "poetry", "dependencies"
    ).get("python")
    stated = stated or setup_cfg.get("options", "python_requires", fallback=None)
    if not stated and (
        match := re.search(r"python_requires\s*=\s*[\"']([^\"']+)", texts.get("setup.py", ""))
    ):
        stated = match[1]
    found.requires_python = stated if isinstance(stated, str) else None
    found.backend = str(table(project, "build-system").get("build-backend") or "")
    everything = "\n".join(texts.values())
    found.name = _name(project, setup_cfg, texts.get("setup.py", "")) or _only_package(paths)
    found.asks_git = bool(
        re.search(r"setuptools_scm|setuptools-scm|hatch-vcs|\bpbr\b|scm\b", everything)
    )
    found.classified = sorted(
        {int(m) for m in re.findall(r"Programming Language :: Python :: 3\.(\d+)", everything)}
    )


def _only_package(paths: Iterable[str]) -> str:
    """The name of the one package at the root (or below src or lib) that is none of tests or docs."""
    tops = {
        match[1]
        for path in paths
        if (match := re.fullmatch(r"(?:src/|lib/)?(\w+)/__init__\.py", path))
    }
    tops -= (
        TEST_FOLDERS
        | AMBIGUOUS_TEST_FOLDERS
        | {"docs", "doc", "examples", "benchmarks", "scripts", "tools"}
    )
    return tops.pop() if len(tops) == 1 else ""


def _name(project: dict[str, Any], setup_cfg: Any, setup: str) -> str:
    stated = table(project, "project").get("name") or setup_cfg.get("metadata", "name", fallback="")
    stated = stated or setup_cfg.get("metadata", "package_name", fallback="")
    return str(stated or next(iter(said_in_setup(setup, "name")), ""))


def _pytest_config(project: dict[str, Any], files: dict[str, Any]) -> dict[str, Any] | None:
    for name, section in _PYTEST_SECTIONS:
        if name in files and files[name].has_section(section):
            return dict(files[name].items(section))
    stated = table(project, "tool", "pytest")
    return (stated.get("ini_options") or stated) if stated else None
