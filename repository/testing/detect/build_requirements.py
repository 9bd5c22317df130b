"""What building a repository's own package needs, and the release that its files announce."""

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from repository.testing.detect.package_names import distribution_of
from repository.testing.detect.parsing import (
    parse_python,
    setup_argument,
    strings,
    table,
    unconditional_lines,
)
from repository.testing.detect.project import Project, top_packages
from repository.testing.detect.requirements import installable, package_name

#: Build tools that a setup.py imports only where they are used, module -> requirement.
_BUILD_TOOLS = {
    "numpy": "numpy",
    "Cython": "cython",
    "scipy": "scipy",
    "cffi": "cffi",
    "pybind11": "pybind11",
    "pkgconfig": "pkgconfig",
    "skbuild": "scikit-build",
    "setuptools_scm": "setuptools-scm",
    "extension_helpers": "extension-helpers",
}
_SUFFIXES_OF_CYTHON = (".pyx",)
_VERSION = re.compile(
    r"""^[ \t]*(?:__version__|version|VERSION)[ \t]*=[ \t]*["']([\w.+!-]{1,40})["']""", re.M
)
_VERSION_FILES = ("__init__.py", "_version.py", "version.py", "__about__.py", "_meta.py")


@dataclass(frozen=True)
class PackageBuild:
    """How a repository's own package is built."""

    requirements: tuple[str, ...] = ()
    """What its build declares or imports."""
    announced_version: str = ""
    """The version that its files state: of the last release, or of the one in preparation."""


def read_build(project: Project) -> PackageBuild:
    if not project.package.is_installable:
        return PackageBuild()
    return PackageBuild(tuple(_requirements(project)), _announced_version(project))


def _requirements(project: Project) -> list[str]:
    build_system = table(project.pyproject, "build-system")
    declared = strings(build_system.get("requires"))
    in_setup_cfg = project.setup_cfg.get("options", "setup_requires", fallback="")
    declared += unconditional_lines(in_setup_cfg)
    lines = installable([*declared, *_imported(project)])
    stated = {package_name(line) for line in lines}
    if "cython" not in stated and _has_cython(project.tree.paths):
        lines.append("cython")
    return lines


def _announced_version(project: Project) -> str:
    """Return the version that the packaging files or the package's modules state; "" if none."""
    stated = table(project.pyproject, "project").get("version")
    stated = stated or table(project.pyproject, "tool", "poetry").get("version")
    stated = stated or project.setup_cfg.get("metadata", "version", fallback="")
    in_setup_py = setup_argument(project.setup_py, "version")
    texts = [f"version = '{text}'" for text in [stated, *in_setup_py]]
    texts.append(project.setup_py)
    texts += [project.tree.text(path) for path in _version_files(project)]
    for text in texts:
        for version in _VERSION.findall(text):
            if _is_version(version):
                return str(version)
    return ""


def _version_files(project: Project) -> Iterator[str]:
    """Return the files of the project's packages that may state its version."""
    package = project.package
    packages = [package.name.replace("-", "_"), *sorted(top_packages(project.tree.paths))]
    for name in dict.fromkeys(packages):
        for file in _VERSION_FILES:
            yield "/".join(filter(None, [package.source_root, name, file]))


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _imported(project: Project) -> Iterator[str]:
    """Return the packages that setup.py imports: at its top level any, elsewhere build tools."""
    module = parse_python(project.setup_py)
    if module is None:
        return
    own = {path.partition("/")[0].removesuffix(".py") for path in project.tree.paths}
    for name in _modules_in(module.body):
        if name not in own and name not in sys.stdlib_module_names and name != "distutils":
            yield _BUILD_TOOLS.get(name) or distribution_of(name)
    for name in _modules_in(ast.walk(module)):
        if name in _BUILD_TOOLS:
            yield _BUILD_TOOLS[name]


def _modules_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _has_cython(paths: Collection[str]) -> bool:
    return any(path.endswith(_SUFFIXES_OF_CYTHON) for path in paths)
