"""How a repository is tested, from evidence in its files: the runner, the test files, what they need installed."""

import ast
import configparser
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from stages.prepare_tests.models import Runner

_TEST_FOLDERS = frozenset({"test", "tests", "testing"})
_NAMES = ("test", "tests", "testing", "test-dependencies")
_DEVELOPMENT = ("dev", "develop", "development")
_PYTEST_SECTIONS = (
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)
_DEFAULT_PATTERNS = ("test_*.py", "*_test.py", "tests.py")
_REQUIREMENTS = re.compile(
    r"^(?:(?:requirements?|tests?|testing|ci)/)?[\w.-]*(?:require|test|dev)[\w.-]*\.txt$|^requirements?/[\w.-]+\.txt$",
    re.I,
)
_MAX_SAMPLED = 400
_MAX_REQUIREMENT_FILES = 5
_MAX_REQUIREMENTS = 80


@dataclass
class Detected:
    runner: Runner | None = None
    why: str = ""
    test_files: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """Test files' contents, of the first few hundred."""
    patterns: tuple[str, ...] = _DEFAULT_PATTERNS
    packaged: bool = False
    extras: list[str] = field(default_factory=list)
    requirements: list[str] = field(default_factory=list)
    source_root: str = ""
    requires_python: str | None = None
    classified: list[int] = field(default_factory=list)


def is_test_file(path: str, patterns: Iterable[str]) -> bool:
    """As pytest's python_files are read: a pattern with a slash is held against the path, else against the name."""
    name = path.rsplit("/", 1)[-1]
    if not name.endswith(".py") or name in ("conftest.py", "__init__.py"):
        return False
    return any(fnmatchcase(path, f"*{p}") if "/" in p else fnmatchcase(name, p) for p in patterns)


def belongs_to_tests(path: str, patterns: Iterable[str]) -> bool:
    """A test file, or something that serves only tests: conftest, data and helpers in a folder of tests."""
    folders = PurePosixPath(path).parts[:-1]
    return is_test_file(path, patterns) or path.endswith("conftest.py") or bool(_TEST_FOLDERS & set(folders))


def detect(paths: list[str], read: Callable[[str], str | None]) -> Detected:
    """``paths``: the regular files of the tree; ``read`` gives a file's text, None where there is none."""
    found = Detected()
    known = set(paths)
    texts: dict[str, str] = {
        name: read(name) or "" for name in ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini") if name in known
    }
    project = _toml(texts.get("pyproject.toml", ""))
    setup_cfg, tox = _ini(texts.get("setup.cfg", "")), _ini(texts.get("tox.ini", ""))
    _metadata(found, project, setup_cfg, texts)
    _test_needs(found, project, setup_cfg, tox, texts, paths, read)
    found.source_root = "src" if any(p.startswith("src/") and p.endswith(".py") for p in paths) else ""
    configured = _pytest_config(
        project, {name: _ini(read(name) or "") for name, _ in _PYTEST_SECTIONS if name in known}
    )
    if configured is not None and (stated := _words(configured.get("python_files"))):
        found.patterns = tuple(stated)
    found.test_files = [path for path in paths if is_test_file(path, found.patterns)]
    for path in found.test_files[:_MAX_SAMPLED]:
        found.texts[path] = read(path) or ""
    _decide(found, configured is not None or any(PurePosixPath(path).name == "conftest.py" for path in paths))
    return found


def _decide(found: Detected, configured: bool) -> None:
    uses_pytest = any(re.search(r"^\s*(?:import|from)\s+_?pytest\b", text, re.M) for text in found.texts.values())
    functions = any(re.search(r"^(?:async )?def test", text, re.M) for text in found.texts.values())
    cases = any(re.search(r"\bTestCase\b", text) for text in found.texts.values())
    classes = any(re.search(r"^class Test", text, re.M) for text in found.texts.values())
    if not found.test_files:
        found.why = "the repository has no test files that pytest or unittest would find"
    elif configured or uses_pytest or functions:
        found.runner = "pytest"
        found.why = "pytest is configured" if configured else "its tests are pytest's"
    elif cases:
        found.runner, found.why = "unittest", "its tests are unittest's TestCases"
    elif classes:
        found.runner, found.why = "pytest", "its tests are classes as pytest finds them"
    else:
        found.why = "none of the test files has a test that pytest or unittest would find"


def _metadata(
    found: Detected, project: dict[str, Any], setup_cfg: configparser.ConfigParser, texts: dict[str, str]
) -> None:
    found.packaged = (
        "setup.py" in texts
        or "build-system" in project
        or "project" in project
        or setup_cfg.has_option("metadata", "name")
    )
    stated = _table(project, "project").get("requires-python") or _table(project, "tool", "poetry", "dependencies").get(
        "python"
    )
    stated = stated or setup_cfg.get("options", "python_requires", fallback=None)
    if not stated and (match := re.search(r"python_requires\s*=\s*[\"']([^\"']+)", texts.get("setup.py", ""))):
        stated = match[1]
    found.requires_python = stated if isinstance(stated, str) else None
    everything = "\n".join(texts.values())
    found.classified = sorted({int(m) for m in re.findall(r"Programming Language :: Python :: 3\.(\d+)", everything)})


def _test_needs(
    found: Detected, project: dict[str, Any], setup_cfg: configparser.ConfigParser, tox: configparser.ConfigParser,
    texts: dict[str, str], paths: list[str], read: Callable[[str], str | None],
) -> None:  # fmt: skip
    setup = _Setup(texts.get("setup.py", ""))
    offered = [*_table(project, "project", "optional-dependencies"), *_table(project, "tool", "poetry", "extras")]
    offered += setup_cfg.options("options.extras_require") if setup_cfg.has_section("options.extras_require") else []
    offered += setup.extras
    found.extras = _fitting(offered)
    files = [path for path in paths if _REQUIREMENTS.match(path) and "doc" not in path and "lint" not in path]
    named = [path for path in files if re.search(r"test|dev|ci\b", path, re.I)]
    plain = [path for path in files if path in ("requirements.txt", "requirements/base.txt")]
    for path in (plain + named)[:_MAX_REQUIREMENT_FILES]:
        found.requirements += [line.split(" #")[0].strip() for line in (read(path) or "").splitlines()]
    groups = _table(project, "dependency-groups")
    for name in _fitting(groups):
        found.requirements += _group(groups, name, set())
    found.requirements += setup.tests_require
    found.requirements += _lines(setup_cfg.get("options", "tests_require", fallback=""))
    found.requirements += _lines(tox.get("testenv", "deps", fallback=""))
    found.requirements = _distinct(found.requirements)[:_MAX_REQUIREMENTS]


def _fitting(offered: Iterable[str]) -> list[str]:
    """The names for tests; those for development only where there are none."""
    names = list(dict.fromkeys(offered))
    return [n for n in names if n.lower() in _NAMES] or [n for n in names if n.lower() in _DEVELOPMENT]


class _Setup:
    """What a setup.py says in literals. It is parsed, never run."""

    def __init__(self, text: str):
        self.extras: list[str] = []
        self.tests_require: list[str] = []
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            return
        values = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.keyword) or node.arg not in ("tests_require", "extras_require"):
                continue
            value = values.get(node.value.id, node.value) if isinstance(node.value, ast.Name) else node.value
            if node.arg == "extras_require" and isinstance(value, ast.Dict):
                self.extras += [k.value for k in value.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
            elif node.arg == "tests_require" and isinstance(value, ast.List | ast.Tuple):
                self.tests_require += [
                    e.value for e in value.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)
                ]


def _group(groups: dict[str, Any], name: str, seen: set[str]) -> list[str]:
    """A PEP 735 group with the groups it includes."""
    if name in seen or not isinstance(groups.get(name), list):
        return []
    seen.add(name)
    needs: list[str] = []
    for item in groups[name]:
        if isinstance(item, str):
            needs.append(item)
        elif isinstance(item, dict):
            needs += _group(groups, str(item.get("include-group")), seen)
    return needs


def _pytest_config(project: dict[str, Any], files: dict[str, configparser.ConfigParser]) -> dict[str, Any] | None:
    for name, section in _PYTEST_SECTIONS:
        if name in files and files[name].has_section(section):
            return dict(files[name].items(section))
    stated = _table(project, "tool", "pytest")
    return (stated.get("ini_options") or stated) if stated else None


def _lines(text: str) -> list[str]:
    """tox's and setup.cfg's lists, lines that hold for some environments only left out."""
    return [line.strip() for line in text.splitlines() if line.strip() and not re.match(r"\s*[\w{},!.-]+:\s", line)]


def _distinct(lines: Iterable[str]) -> list[str]:
    """Names with a version at most (an address could be of anything); of several for a package, the first."""
    found: dict[str, str] = {}
    for line in lines:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue
        if needed.url is None:
            found.setdefault(f"{canonicalize_name(needed.name)};{needed.marker or ''}", line)
    return list(found.values())


def _words(value: Any) -> list[str]:
    return value.split() if isinstance(value, str) else [str(v) for v in value] if isinstance(value, list) else []


def _table(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    value: Any = data
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _ini(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.ConfigParser(interpolation=None)
    return parser
