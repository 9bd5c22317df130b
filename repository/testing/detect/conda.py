"""Read the needs from conda's environment files and from pixi's manifest.

Conda's names are mapped to PyPI's. Versions count in the main file only: other files, such as those
of a matrix, are alternatives.
"""

import re
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from repository.testing.detect.blocks import is_for_other_purpose, is_special, read_lines
from repository.testing.detect.package_names import pypi_name
from repository.testing.detect.parsing import parse_toml, table
from repository.testing.detect.poetry import poetry_requirements
from repository.testing.detect.requirements import Confidence, Need, Source, needs_from
from repository.testing.detect.tree import Tree

_FILE = re.compile(
    r"^(?:[\w.-]*/){0,3}(?:environment[\w.-]*|[\w.-]*(?:require|env|dev|py3)[\w.-]*)\.ya?ml$", re.I
)
_NOT_FOR_TESTS = re.compile(r"(?:^|/)\.?(?:binder|docs?)/|readthedocs|rtd|lint|docs?\.ya?ml$", re.I)
_ITEM = re.compile(
    r"-[ \t]{1,8}[\"']?(?:[\w-]{1,40}::)?([A-Za-z0-9][\w.-]*)[ \t]*((?:[=<>!~\[]|[ \t]\d)[^#]*)?"
    r"(?:#.*)?$"
)
#: https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html#package-match-specifications
_VERSION = re.compile(r"(==|!=|>=|<=|~=|>|<|=)?[ \t]*(\d[\w.]{0,40}?)(\.?\*)?")
_WITH_BUILD = re.compile(r"={1,2}(\d[\w.]{0,40})=[\w.*]+")
_PIP_ITEM = re.compile(r"-[ \t]{1,8}[\"']?([^\"'#]{1,200})")
_MAX_FILES = 8
_MAX_LINE = 500
_PIXI = "pixi.toml"


def from_conda(tree: Tree) -> list[Need]:
    """Read the environment files, those nearest to the root first.

    The items below ``pip:`` are pip's and count as run-time requirements.
    """
    paths = [path for path in tree.paths if _FILE.match(path) and not _NOT_FOR_TESTS.search(path)]
    usual = [path for path in paths if not is_special(path)]
    by_depth = sorted(usual, key=lambda path: (path.count("/"), len(path)))
    needs: list[Need] = []
    for path in by_depth[:_MAX_FILES]:
        needs += _read_file(path, tree.text(path))
    return needs


def _read_file(path: str, text: str) -> list[Need]:
    is_main = path.lower() in ("environment.yml", "environment.yaml")
    for_names = Confidence.COMMAND if is_main else Confidence.MENTIONED
    for_pip = Confidence.RUNTIME if is_main else Confidence.MENTIONED
    needs: list[Need] = []
    for line in read_lines(text):
        if line.blocks[:1] != ("dependencies",) or len(line.text) > _MAX_LINE:
            continue
        source = Source(path, line=line.number)
        if "pip" in line.blocks:
            item = _PIP_ITEM.match(line.text)
            needs += needs_from([item[1].strip()] if item else [], source, for_pip)
            continue
        requirement = _requirement(line.text, with_version=is_main)
        needs += needs_from([requirement] if requirement else [], source, for_names)
    return needs


def _requirement(text: str, *, with_version: bool) -> str | None:
    """Return the requirement of pip's in an item of a list; None if it is no Python package."""
    item = _ITEM.match(text)
    name = pypi_name(item[1]) if item else None
    if item is None or name is None or not item[2] or not with_version:
        return name
    return name + _specifier(item[2].strip(" \t\"'"))


def _specifier(version: str) -> str:
    """Return conda's version in pip's syntax; an empty text if that has no equivalent."""
    with_build = _WITH_BUILD.fullmatch(version)
    specifier = f"=={with_build[1]}" if with_build else _join_parts(version)
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        return ""  # such as pytz=2019a, whose prefix PyPI's versions can't express
    return specifier


def _join_parts(version: str) -> str:
    parts: list[str] = []
    for text in version.split(","):
        part = _VERSION.fullmatch(text.strip())
        if part is None:
            return ""
        operator = part[1] or "="
        is_prefix = operator == "=" or (part[3] and operator in ("==", "!="))
        comparison = "==" if operator == "=" else operator
        parts.append(comparison + part[2] + (".*" if is_prefix else ""))
    return ",".join(parts)


def from_pixi(tree: Tree, pyproject: dict[str, Any]) -> list[Need]:
    """Read the dependencies of the workspace and of its features, from either file."""
    needs: list[Need] = []
    for path, manifest, prefix in (
        (_PIXI, parse_toml(tree.text(_PIXI)), ""),
        ("pyproject.toml", table(pyproject, "tool", "pixi"), "tool.pixi."),
    ):
        needs += _from_manifest(path, manifest, prefix)
        features = table(manifest, "feature")
        for name in features:
            if is_special(name) or is_for_other_purpose(name):
                continue
            feature = table(features, name)
            needs += _from_manifest(path, feature, f"{prefix}feature.{name}.")
    return needs


def _from_manifest(path: str, manifest: dict[str, Any], prefix: str) -> list[Need]:
    names = filter(None, map(pypi_name, table(manifest, "dependencies")))
    lines = poetry_requirements(table(manifest, "pypi-dependencies"))
    in_conda = Source(path, f"[{prefix}dependencies]")
    in_pypi = Source(path, f"[{prefix}pypi-dependencies]")
    return [
        *needs_from(names, in_conda, Confidence.MENTIONED),
        *needs_from(lines, in_pypi, Confidence.MENTIONED),
    ]
