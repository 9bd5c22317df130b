"""What a Python repository's tests need installed, from every file that says so. Files are read,
never run.
"""

import ast
import configparser
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from repository.testing.detect.files import lines, table

_FOR_TESTS = (
    "test",
    "tests",
    "testing",
    "test-dependencies",
    "unittest",
    "pytest",
    "tests-extra",
    "test-all",
)
_FOR_DEVELOPMENT = ("dev", "develop", "development", "dev-dependencies")
_REQUIREMENTS = re.compile(r"^[\w./-]*(?:require|test|dev|ci\b)[\w./-]*\.txt$", re.I)
_OF_TESTS = re.compile(r"test|dev|\bci\b", re.I)
_FOLDER = re.compile(
    r"(?:^|/)requirements?/(?:[\w-]*(?:test|dev|ci)[\w-]*|all|base|py3|testing/all)\.txt$"
    r"|^(?:tests?|testing|ci|\.ci)/[\w-]*(?:require|test|dev)[\w-]*\.txt$",
    re.I,
)
_PLAIN = ("requirements.txt", "requirements/base.txt")
_NOT_OF_TESTS = re.compile(r"release|doc|lint|mypy|typing|sphinx/|/data/|fixture|bench", re.I)
_MAX_FILES = 8
_MAX_NEEDS = 120
_MANY = 25
#: What brings a name that pytest's tests may use without a declaration.
_FIXTURES = {
    "mocker": "pytest-mock",
    "benchmark": "pytest-benchmark",
    "httpbin": "pytest-httpbin",
    "fs": "pyfakefs",
    "requests_mock": "requests-mock",
    "httpserver": "pytest-httpserver",
    "aiohttp_client": "pytest-aiohttp",
    "freezer": "pytest-freezer",
    "respx_mock": "respx",
    "datadir": "pytest-datadir",
    "subtests": "pytest-subtests",
}
_MARKS = {
    "asyncio": "pytest-asyncio",
    "django_db": "pytest-django",
    "anyio": "anyio",
    "trio": "pytest-trio",
}
_OPTIONS = {
    "--cov": "pytest-cov",
    "--timeout": "pytest-timeout",
    "--doctest-plus": "pytest-doctestplus",
    "-n": "pytest-xdist",
    "--numprocesses": "pytest-xdist",
    "asyncio_mode": "pytest-asyncio",
    "doctest_plus": "pytest-doctestplus",
    "--reruns": "pytest-rerunfailures",
    "remote_data_strict": "pytest-remotedata",
    "--arraydiff": "pytest-arraydiff",
    "DJANGO_SETTINGS_MODULE": "pytest-django",
}
#: Outside of any block: what is imported within one may be missing.
_IMPORT = re.compile(r"(?:from[ \t]+(\w[\w.]*)|import[ \t]+([^#]+))")
_MAX_LINE = 500
#: A test, or a module of tests, is skipped where this module is missing.
_SKIPPED_WITHOUT = re.compile(r"importorskip\([ \t]*['\"]([A-Za-z]\w*)")
_CONDA = re.compile(
    r"^(?:[\w.-]*/){0,3}(?:environment[\w.-]*|[\w.-]*(?:require|env|dev|py3)[\w.-]*)\.ya?ml$", re.I
)
_CONDA_NEED = re.compile(r"[ \t]{0,8}-[ \t]{1,8}([A-Za-z0-9][\w.-]*)[ \t]*(?:[=<>!~].*)?(?:#.*)?$")
#: Modules that a package of another name brings.
PACKAGES = {
    "yaml": "pyyaml",
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jwt": "pyjwt",
    "OpenSSL": "pyopenssl",
    "Crypto": "pycryptodome",
    "git": "gitpython",
    "serial": "pyserial",
    "google": "protobuf",
    "pkg_resources": "setuptools",
    "websocket": "websocket-client",
    "zmq": "pyzmq",
    "skimage": "scikit-image",
    "docx": "python-docx",
    "magic": "python-magic",
    "ruamel": "ruamel.yaml",
    "psycopg2": "psycopg2-binary",
    "iris": "scitools-iris",
}


@dataclass
class Needs:
    requirements: list[str] = field(default_factory=list)
    """Said to be for tests, or for all that is done with the repository."""
    extras: list[str] = field(default_factory=list)
    """Of the repository's own package, as its automation installs it."""
    modules: dict[str, str] = field(default_factory=dict)
    """Module that the tests import at once -> what brings it, if it turns out to be missing."""


def fitting(offered: Iterable[str]) -> list[str]:
    """Of extras' or groups' names those for tests; those for development only where there are none."""
    names = list(dict.fromkeys(offered))
    return [n for n in names if n.lower() in _FOR_TESTS] or [
        n for n in names if n.lower() in _FOR_DEVELOPMENT
    ]


def gather(
    texts: Mapping[str, str],
    paths: Iterable[str],
    read: Callable[[str], str | None],
    *,
    project: dict[str, Any],
    setup_cfg: configparser.ConfigParser,
    tox: configparser.ConfigParser,
    installs: Iterable[str],
    tests: Mapping[str, str],
    pytest_says: str,
    itself: str,
) -> Needs:
    """``installs``: what CI gives pip; ``tests``: contents of test files; ``pytest_says``: its configuration's text;
    ``itself``: the name of the repository's own package."""
    known = list(paths)
    wanted = lines(tox.get("testenv", "deps", fallback=""))
    said = [_file(line) for line in [*wanted, *installs] if line.startswith("-r")]
    files = _files(known) + [path for path in said if not _NOT_OF_TESTS.search(path)]
    strong: list[str] = []
    offered = list(installs)
    for path in sorted(
        (path for path in known if _CONDA.match(path)), key=lambda path: path.count("/")
    )[:_MAX_FILES]:
        offered += _conda(read(path) or "")
    for path in list(dict.fromkeys(path for path in files if path in known))[:_MAX_FILES]:
        found = _read(path, read, set())
        meant = bool(re.search(r"test|\bci\b", path, re.I)) or path in _PLAIN
        if not meant and len(distinct(found)) > _MANY:
            offered += found  # editors, linters, docs: what tests need of it, they import
        else:
            strong += found
    for group in (
        table(project, "dependency-groups"),
        table(project, "tool", "pdm", "dev-dependencies"),
    ):
        for name in fitting(group):
            strong += _group(group, name, set())
    poetry = table(project, "tool", "poetry")
    strong += [n for n in table(poetry, "dev-dependencies") if n != "python"]
    for name in fitting(table(poetry, "group")):
        strong += list(table(poetry, "group", name, "dependencies"))
    for environment in table(project, "tool", "hatch", "envs").values():
        for key in ("dependencies", "extra-dependencies"):
            listed = environment.get(key) if isinstance(environment, dict) else None
            strong += (
                [line for line in listed if isinstance(line, str)]
                if isinstance(listed, list)
                else []
            )
    strong += said_in_setup(texts.get("setup.py", ""), "tests_require")
    strong += lines(setup_cfg.get("options", "tests_require", fallback=""))
    strong += wanted + _used(tests, pytest_says)
    weak: dict[str, str] = {
        canonicalize_name(Requirement(line).name): line for line in distinct(offered)
    }
    parsed = {line: Requirement(line) for line in distinct([*strong, *weak.values()])}
    own = [
        need
        for need in parsed.values()
        if canonicalize_name(need.name) == canonicalize_name(itself)
    ]
    folder = [
        extra
        for line in [*wanted, *installs]
        for extra in re.findall(r"^(?:-e\s*)?\.\[([\w,. -]+)\]", line)
    ]
    extras = [extra.strip() for one in folder for extra in one.split(",")] + [
        e for need in own for e in need.extras
    ]
    requirements = [line for line in distinct(strong) if parsed[line] not in own]
    extras = [extra for extra in sorted(set(extras)) if not _NOT_OF_TESTS.search(extra)]
    return Needs(requirements[:_MAX_NEEDS], extras, _modules(tests, known, weak))


def of_extras(name: str, extras: Iterable[str], requires: Iterable[str], python: str) -> list[str]:
    """What metadata (Name, Requires-Dist) ask for with these extras on this Python, and not
    without.
    """
    target = {"python_version": python, "python_full_version": f"{python}.0"}
    needed = [Requirement(line) for line in distinct(requires)]
    found: list[str] = []
    waiting = list(extras)
    seen = set[str]()
    while waiting:
        extra = waiting.pop(0)
        seen.add(extra)
        for need in needed:
            marked = need.marker and not need.marker.evaluate(target | {"extra": ""})
            if not (marked and need.marker and need.marker.evaluate(target | {"extra": extra})):
                continue
            if canonicalize_name(need.name) == canonicalize_name(
                name
            ):  # an extra that gathers others
                waiting += [other for other in need.extras if other not in seen]
            else:
                need.marker = None
                found.append(str(need))
    return found


def distinct(found: Iterable[str]) -> list[str]:
    """Names with a version at most (an address could be of anything); of several for a package, the
    first.
    """
    kept: dict[str, str] = {}
    for line in found:
        try:
            needed = Requirement(line)
        except InvalidRequirement:
            continue
        if needed.url is None:
            kept.setdefault(f"{canonicalize_name(needed.name)};{needed.marker or ''}", line)
    return list(kept.values())


def _files(paths: Iterable[str]) -> list[str]:
    """Requirement files for tests, the nearest to the root first; what the repository itself needs
    before them.
    """
    found = [
        p
        for p in paths
        if _REQUIREMENTS.match(p) and p.count("/") <= 3 and not _NOT_OF_TESTS.search(p)
    ]
    found = [p for p in found if p.count("/") == 0 or _FOLDER.search(p)]
    plain = [p for p in found if p in _PLAIN]
    named = sorted((p for p in found if _OF_TESTS.search(p)), key=lambda p: (p.count("/"), len(p)))
    return plain + ([p for p in named if not re.search(r"dev", p, re.I)] or named)


def _file(line: str) -> str:
    return line.removeprefix("-r").strip().removeprefix("{toxinidir}/").removeprefix("./")


def _read(path: str, read: Callable[[str], str | None], seen: set[str]) -> list[str]:
    if path in seen or len(seen) > _MAX_FILES:
        return []
    seen.add(path)
    found: list[str] = []
    for line in (read(path) or "").splitlines():
        line = re.split(r"\s#|\s--hash", line)[0].strip().rstrip("\\").strip()
        if other := re.match(r"(?:-r|--requirement)[\s=]*(\S+)", line):
            folder = PurePosixPath(path).parent
            found += _read(str(folder / other[1].removeprefix("./")), read, seen)
        else:
            found.append(line)
    return found


def _conda(text: str) -> list[str]:
    """Names alone: conda writes versions in its own way."""
    lines = (
        line for line in text.partition("dependencies:")[2].splitlines() if len(line) <= _MAX_LINE
    )
    return [
        found[1]
        for line in lines
        if (found := _CONDA_NEED.match(line)) and found[1].lower() not in ("python", "pip")
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


def said_in_setup(text: str, name: str) -> list[str]:
    """What a setup.py gives for an argument, a text or a list of them, as far as it is said in
    literals.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    values = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.keyword) or node.arg != name:
            continue
        value = (
            values.get(node.value.id, node.value)
            if isinstance(node.value, ast.Name)
            else node.value
        )
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            found.append(value.value)
        if isinstance(value, ast.List | ast.Tuple):
            found += [
                e.value
                for e in value.elts
                if isinstance(e, ast.Constant) and isinstance(e.value, str)
            ]
    return found


def _used(tests: Mapping[str, str], pytest_says: str) -> list[str]:
    """Plugins that tests and pytest's configuration use, declared or not."""
    everything = "\n".join(tests.values())
    signatures = re.findall(r"^[ \t]*(?:async )?def test\w*\(([^)]{0,2000})\)", everything, re.M)
    parameters = set(re.findall(r"\w+", " ".join(signatures)))
    own = set(re.findall(r"^[ \t]*(?:async )?def (\w+)\(", everything, re.M))
    marks = set(re.findall(r"pytest\.mark\.(\w+)", everything))
    options = set(re.findall(r"[\w-]+", pytest_says))
    options |= {"-n"} if re.search(r"(?<![\w-])-n ?\w", pytest_says) else set()
    return [
        *sorted(set(re.findall(r"(?<![\w-])pytest-[a-z][\w-]*", pytest_says))),
        *(package for name, package in _FIXTURES.items() if name in parameters - own),
        *(package for name, package in _MARKS.items() if name in marks),
        *(package for name, package in _OPTIONS.items() if name in options),
    ]


def _imported(text: str, *, within: bool = False) -> set[str]:
    """Top-level modules; ``within``: imported in a block, as what may be missing is."""
    found = set[str]()
    for line in text.splitlines():
        told = _IMPORT.match(line.lstrip() if within else line) if len(line) <= _MAX_LINE else None
        if told:
            names = (
                [told[1]]
                if told[1]
                else [part.split()[0] for part in told[2].split(",") if part.split()]
            )
            found |= {name.partition(".")[0] for name in names if re.fullmatch(r"\w[\w.]*", name)}
    return found


def _modules(
    tests: Mapping[str, str], paths: Iterable[str], offered: Mapping[str, str]
) -> dict[str, str]:
    """What tests import outside of any condition, and is not of the repository."""
    own = {part.partition(".")[0] for path in paths for part in path.split("/")}
    found: dict[str, str] = {}
    for text in tests.values():
        wanted = dict.fromkeys(_imported(text), True)
        without = {*_SKIPPED_WITHOUT.findall(text), *_imported(text, within=True)} - wanted.keys()
        wanted |= dict.fromkeys(without, False)
        for module in wanted.keys() - own - sys.stdlib_module_names:
            package = PACKAGES.get(module, module)
            named = offered.get(canonicalize_name(package))
            if (
                named or wanted[module]
            ):  # what a test can do without, only where the repository itself names it
                found[module] = named or package
    return found
