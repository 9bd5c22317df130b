"""Find the Python projects in a repository's folders, and choose those that an issue is about.

A project is a folder with a file that declares or configures one. Its tests run in it.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from packaging.utils import canonicalize_name

from repository.files import AMBIGUOUS_TEST_FOLDERS, TEST_FOLDERS, VENDORED_FOLDERS, is_test_file
from repository.testing.detect.parsing import setup_argument, setup_table, strings, table
from repository.testing.detect.project import Project
from repository.testing.detect.python_tests import read_patterns
from repository.testing.detect.requirements import names_in
from repository.testing.detect.tree import Tree
from repository.testing.run.project_folders import ROOT, deepest_folder

_MARKERS = frozenset(
    [
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "Pipfile",
        "requirements.txt",
        "requirements.in",
        "manage.py",
        "pytest.ini",
        "pytest.toml",
        "tox.ini",
    ]
)
_OTHER_FOLDERS = (
    VENDORED_FOLDERS
    | TEST_FOLDERS
    | AMBIGUOUS_TEST_FOLDERS
    | {"docs", "doc", "example", "examples", "samples", "templates", "fixtures", "benchmarks"}
    | {"requirements", "ci", "docker", "tools", "scripts", "skeleton"}
)
"""Folders whose projects are not the repository's own."""
_SHARED_FILES = (
    ".github/workflows/*.y*ml",
    ".travis.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    ".gitlab-ci.yml",
    "noxfile.py",
    "Makefile",
    "README.md",
    "CONTRIBUTING.md",
)
"""Files in the root that may say how a project below it is tested."""
_REQUIREMENT_FILES = ("requirements.txt", "requirements.in", "requirements-dev.txt")
_FOLDER_LINE = re.compile(
    r"(?:(?:-e|--editable)[ =]\s*)?(?:[\w.-]+\s*@\s*)?(?:file:)?(?=[\w.-]*/[\w./-])([\w./-]+)"
    r"(?:\[[\w,-]*\])?\s*(?:#.*)?$"
)
_EXTRAS_SECTION = "options.extras_require"
_CONFIGURATION = re.compile(r"^def configuration\(", re.M)
"""The function by which numpy.distutils reads a subpackage's ``setup.py``."""
_MAX_LINE = 300
_MAX_NAME = 100
_MAX_PROJECTS = 60
_MAX_CHOSEN = 3
_MAX_SIBLINGS = 12
_RANKED = 10
_SOURCES = (".py", ".pyx", ".pyi")
_ALSO_CHOSEN = 0.5
"""Share of the best project's score from which another project is chosen, too."""


@dataclass(frozen=True)
class Layout:
    """The projects of a repository that are installed and tested."""

    folders: tuple[str, ...] = (ROOT,)
    """Folders whose tests are run, the likeliest first."""
    project: str = ROOT
    """The folder of the package that is installed."""
    siblings: tuple[str, ...] = ()
    """Folders of the repository's other packages that are installed with it."""
    packages: tuple[str, ...] = ()
    """Normalized names that the packages of all projects state, chosen or not: an index may have
    strangers' packages of these names."""
    reason: str = ""
    """Why these were chosen; empty if there is only one project."""
    whole: bool = True
    """Whether no project with tests is left out."""


def choose_projects(tree: Tree, ranking: Sequence[str], configured: Sequence[str] = ()) -> Layout:
    """Return the projects to install and test.

    Args:
        tree: The repository's files.
        ranking: Paths of the likeliest sources of the issue, likeliest first.
        configured: Folders that the repository's configuration names.
    """
    below = _project_folders(tree)
    if not below and not configured:
        return Layout()
    projects = {folder: Project(tree.below(folder)) for folder in (ROOT, *below, *configured)}
    tests = _count_tests(tree.paths, projects)
    scores = _score(ranking, list(projects))
    candidates = _candidates(projects, tests)
    if configured:
        chosen = list(configured)
        reason = "named in its configuration"
    else:
        chosen = _choose(candidates, scores, tests)
        reason = "the issue is about it" if any(scores.values()) else "most tests are there"
    package = _package_of(chosen, projects, scores, tests)
    return Layout(
        folders=tuple(chosen),
        project=package,
        siblings=tuple(_find_siblings([package, *chosen], projects)),
        packages=tuple(_stated_names(projects)),
        reason=reason,
        whole=not set(candidates).difference(chosen),
    )


def tree_of_project(tree: Tree, folder: str, others: Iterable[str]) -> Tree:
    """Return the files of a project, without those of the ``others`` that lie inside it.

    The root's automation is part of it, with paths relative to the project.
    """
    inside = [other for other in others if other != folder and _is_inside(other, folder)]
    if folder == ROOT:
        return tree.without(inside)
    shared = [
        path for path in tree.paths if any(fnmatchcase(path, pattern) for pattern in _SHARED_FILES)
    ]
    return tree.without(inside).below(folder, shared)


def _project_folders(tree: Tree) -> list[str]:
    """Return the folders below the root with a project's file, outermost first."""
    folders: set[str] = set()
    for path in tree.paths:
        folder, _, name = path.rpartition("/")
        if not folder or name not in _MARKERS:
            continue
        parts = folder.split("/")
        is_hidden = any(part.startswith((".", "{")) for part in parts)
        is_other = is_hidden or not _OTHER_FOLDERS.isdisjoint(part.lower() for part in parts)
        if not is_other and not _configures_subpackage(tree, path):
            folders.add(folder)
    return sorted(folders, key=lambda folder: (folder.count("/"), folder))[:_MAX_PROJECTS]


def _configures_subpackage(tree: Tree, path: str) -> bool:
    """Whether a ``setup.py`` is a part of the one around its package, as with numpy.distutils."""
    folder, _, name = path.rpartition("/")
    is_package = f"{folder}/__init__.py" in tree.sizes
    return name == "setup.py" and is_package and bool(_CONFIGURATION.search(tree.text(path)))


def _count_tests(paths: Iterable[str], projects: Mapping[str, Project]) -> Counter[str]:
    """Return folder -> number of its test files that are in no deeper project."""
    patterns = {folder: read_patterns(project) for folder, project in projects.items()}
    folders = list(projects)
    tests: Counter[str] = Counter()
    for path in paths:
        folder = deepest_folder(folders, path) or ROOT
        if is_test_file(path, patterns[folder]) and VENDORED_FOLDERS.isdisjoint(path.split("/")):
            tests[folder] += 1
    return tests


def _score(ranking: Sequence[str], folders: Sequence[str]) -> dict[str, float]:
    """Return folder -> how much the issue is about its sources."""
    scores = dict.fromkeys(folders, 0.0)
    sources = [path for path in ranking if path.endswith(_SOURCES)]
    for rank, path in enumerate(sources[:_RANKED]):
        scores[deepest_folder(folders, path) or ROOT] += 1 / (1 + rank)
    return scores


def _candidates(projects: Mapping[str, Project], tests: Counter[str]) -> list[str]:
    """Return the folders whose tests could be run; all projects if none has tests.

    If the root is a package with tests, others must be packages, too: a folder that merely has
    requirements is a part of the root.
    """
    with_tests = [folder for folder in projects if tests[folder]]
    if not with_tests:
        return [folder for folder in projects if folder != ROOT or _is_declared(projects[ROOT])]
    if ROOT in with_tests and projects[ROOT].package.is_installable:
        return [
            folder
            for folder in with_tests
            if folder == ROOT or projects[folder].package.is_installable
        ]
    return with_tests


def _is_declared(root: Project) -> bool:
    return not _MARKERS.isdisjoint(root.tree.sizes)


def _choose(
    candidates: Sequence[str], scores: Mapping[str, float], tests: Counter[str]
) -> list[str]:
    """Return the likeliest folders; without any evidence, the root or that with most tests."""
    if not any(scores[folder] for folder in candidates) and ROOT in candidates:
        return [ROOT]
    by_evidence = sorted(candidates, key=lambda folder: (-scores[folder], -tests[folder]))
    best = by_evidence[0]
    chosen = [best]
    for folder in by_evidence[1:_MAX_CHOSEN]:
        if scores[folder] and scores[folder] >= _ALSO_CHOSEN * scores[best]:
            chosen.append(folder)
    return chosen


def _package_of(
    chosen: Sequence[str],
    projects: Mapping[str, Project],
    scores: Mapping[str, float],
    tests: Counter[str],
) -> str:
    """Return the folder of the package that the chosen tests are for: the nearest around them.

    Tests may lie outside of it, such as ``tests/`` beside ``python-package/``.
    """
    first = chosen[0]
    around = [folder for folder in projects if folder == first or _is_inside(first, folder)]
    for folder in sorted(around, key=len, reverse=True):
        if projects[folder].package.is_installable:
            return folder
    if first != ROOT:
        return first
    packages = [
        folder
        for folder, project in projects.items()
        if project.package.is_installable and not tests[folder]
    ]
    return max(packages, key=lambda folder: scores[folder], default=ROOT)


def _stated_names(projects: Mapping[str, Project]) -> list[str]:
    """Return the normalized names that packages state: a folder's may be that of a dependency."""
    names: set[str] = set()
    for project in projects.values():
        stated = project.stated_name
        if len(stated) <= _MAX_NAME and project.package.is_installable:
            names |= names_in([stated])
    return sorted(names)


def _find_siblings(folders: Sequence[str], projects: Mapping[str, Project]) -> list[str]:
    """Return the other packages that the first folder's needs, and the chosen ones."""
    by_name: dict[str, str] = {
        canonicalize_name(project.package.name): folder
        for folder, project in projects.items()
        if project.package.is_installable and project.package.name
    }
    found = dict.fromkeys(folders)
    waiting = list(found)
    while waiting:
        folder = waiting.pop(0)
        project = projects[folder]
        by_path = _dependency_folders(project, folder)
        names = _dependency_names(project).intersection(by_name)
        for sibling in [*by_path, *(by_name[name] for name in sorted(names))]:
            if sibling in projects and sibling not in found:
                found[sibling] = None
                waiting.append(sibling)
    others = [folder for folder in found if folder != folders[0]]
    installable = [folder for folder in others if projects[folder].package.is_installable]
    return installable[:_MAX_SIBLINGS]


def _dependency_names(project: Project) -> set[str]:
    """Return the names of everything that a project's files say it depends on."""
    pyproject = project.pyproject
    lines = strings(table(pyproject, "project").get("dependencies"))
    lines += setup_argument(project.setup_py, "install_requires")
    in_setup_cfg = project.setup_cfg.get("options", "install_requires", fallback="")
    lines += (in_setup_cfg or "").splitlines()
    lines += _lines_of_groups(project)
    poetry = table(pyproject, "tool", "poetry")
    packages = [table(poetry, "dependencies"), table(poetry, "dev-dependencies")]
    packages += [table(group, "dependencies") for group in _tables(table(poetry, "group"))]
    for names in (*packages, table(pyproject, "tool", "uv", "sources")):
        lines += names
    for path in _REQUIREMENT_FILES:
        lines += project.tree.text(path).splitlines()
    return names_in(lines)


def _lines_of_groups(project: Project) -> list[str]:
    """Return the lines of all extras and dependency groups."""
    lines: list[str] = []
    for groups in (
        table(project.pyproject, "project", "optional-dependencies"),
        table(project.pyproject, "dependency-groups"),
    ):
        for group in groups.values():
            lines += strings(group)
    for extra in setup_table(project.setup_py, "extras_require").values():
        lines += extra
    if project.setup_cfg.has_section(_EXTRAS_SECTION):
        for _, value in project.setup_cfg.items(_EXTRAS_SECTION):
            lines += (value or "").splitlines()
    return lines


def _dependency_folders(project: Project, folder: str) -> list[str]:
    """Return the folders that requirement files name by their path, such as ``-e ../core``."""
    folders: list[str] = []
    for name in _REQUIREMENT_FILES:
        for line in project.tree.text(name).splitlines():
            named = _FOLDER_LINE.match(line.strip()[:_MAX_LINE])
            if named:
                folders.append(posixpath.normpath(posixpath.join(folder, named[1])))
    return folders


def _tables(groups: Mapping[str, object]) -> list[dict[str, object]]:
    return [group for group in groups.values() if isinstance(group, dict)]


def _is_inside(folder: str, other: str) -> bool:
    return other == ROOT or folder.startswith(f"{other}/")


def names_of_packages(tree: Tree, folders: Collection[str]) -> set[str]:
    """Return the normalized names of the packages in these folders."""
    names = {Project(tree.below(folder)).package.name for folder in folders}
    return {canonicalize_name(name) for name in names if name}
