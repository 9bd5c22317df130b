"""Name the file and line from which each decision about a repository's tests came."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from repository.config import CONFIG
from repository.counts import count
from repository.testing.detect.requirements import Source, parse_requirement
from repository.testing.detect.toolchains import DetectedToolchain
from repository.testing.detect.tree import Tree
from repository.testing.models import Recipe
from repository.testing.plan import TestPlan
from repository.testing.run.project_folders import ROOT

_MAX_LINES = 20_000
_MAX_LOOKED_UP = 150
"""The places of further needs are named without a line."""
_SECTION = re.compile(r"\[([^\]]{1,200})\]")
_PYTEST_PLACES = (
    ("pytest.toml", "[pytest]"),
    (".pytest.toml", "[pytest]"),
    ("pytest.ini", "[pytest]"),
    (".pytest.ini", "[pytest]"),
    ("pyproject.toml", "[tool.pytest.ini_options]"),
    ("pyproject.toml", "[tool.pytest]"),
    ("tox.ini", "[pytest]"),
    ("setup.cfg", "[tool:pytest]"),
)
_PYTHON_PLACES = (
    ("pyproject.toml", "[project] requires-python"),
    ("pyproject.toml", "[tool.poetry.dependencies] python"),
    ("setup.cfg", "[options] python_requires"),
    ("setup.py", "python_requires"),
)
_PACKAGE_PLACES = (
    ("pyproject.toml", "[build-system] build-backend"),
    ("pyproject.toml", "[project] name"),
    ("setup.py", "setup("),
    ("setup.cfg", "[metadata] name"),
)
_CLASSIFIER = "Programming Language :: Python :: 3"
_FILES_WITH_VARIABLES = (CONFIG, "tox.ini", "tox.toml", "pytest.ini", "pyproject.toml", "setup.cfg")
_FILES_WITH_RUNNERS = ("package.json", "go.mod", "go.work", "Cargo.toml", "pom.xml", "build.gradle")


@dataclass(frozen=True)
class Evidence:
    """A decision and where it came from."""

    decision: str
    source: Source

    def __str__(self) -> str:
        return f"{self.decision}: {self.source}"


def explain(plan: TestPlan) -> list[Evidence]:
    """Return the decisions of a plan with their sources; empty if the tests can't be run."""
    recipe = plan.recipe
    if recipe is None:
        return []
    evidence = [
        *_explain_runner(plan, recipe),
        *_explain_folders(plan),
        *_explain_variables(plan.tree, recipe),
        *_explain_others(plan),
    ]
    toolchain = plan.detection.draft.toolchain
    if toolchain is not None:
        return [*evidence, *_explain_node(plan, toolchain)]
    return [
        *evidence,
        *_explain_python(plan, recipe),
        *_explain_package(plan, recipe),
        *_explain_extras(plan, recipe),
        *_explain_needs(plan, recipe),
    ]


def locate(tree: Tree, source: Source, *texts: str) -> Source:
    """Return a source with its line: the first after its section and option that has a text.

    The texts are tried in order. Without any of them, the line of the option or section is named.
    """
    if source.line is not None or not source.path:
        return source
    lines = tree.text(source.path).splitlines()[:_MAX_LINES]
    start = _line_of_place(lines, source.place)
    for first in dict.fromkeys((start or 0, 0)):
        for text in filter(None, texts):
            for number in range(first, len(lines)):
                if text in lines[number]:
                    return replace(source, line=number + 1)
    return source if start is None else replace(source, line=start + 1)


def _line_of_place(lines: Sequence[str], place: str) -> int | None:
    """Return the index of the line with a place's option, or else with its section."""
    section = _SECTION.match(place)
    option = place[section.end() :].strip() if section else place
    start: int | None = None
    if section is not None:
        headers = (f"[{section[1]}]", f"[[{section[1]}]]")
        start = _first_index(lines, 0, headers)
        if start is None:
            return None
    name = option.partition(" ")[0]
    if not name:
        return start
    found = _first_index(lines, start or 0, (name, f'"{name}"', f"'{name}'"))
    return start if found is None else found


def _first_index(lines: Sequence[str], start: int, prefixes: tuple[str, ...]) -> int | None:
    for index in range(start, len(lines)):
        if lines[index].strip().startswith(prefixes):
            return index
    return None


def _first_place(tree: Tree, places: Iterable[tuple[str, str]]) -> Source | None:
    """Return the first place that occurs in its file, with its line."""
    for path, place in places:
        if path not in tree.sizes:
            continue
        lines = tree.text(path).splitlines()[:_MAX_LINES]
        section = _SECTION.match(place)
        index = _line_of_place(lines, place)
        if index is None:
            continue
        if section is not None and place.strip() != section[0]:
            option = place[section.end() :].strip()
            if not lines[index].strip().startswith(option):
                continue
        return Source(path, place, index + 1)
    return None


def _explain_runner(plan: TestPlan, recipe: Recipe) -> Iterator[Evidence]:
    source = Source("", plan.detection.reason)
    place = _place_of_runner(plan, recipe)
    if place is not None:
        source = replace(place, place=f"({plan.detection.reason})")
    yield Evidence(f"runner {recipe.runner}", source)


def _place_of_runner(plan: TestPlan, recipe: Recipe) -> Source | None:
    tree = plan.tree
    configured = _first_place(tree, [(CONFIG, "[tests] command"), (CONFIG, "[tests] runner")])
    if configured is not None:
        return configured
    if plan.detection.draft.toolchain is not None:
        present = [path for path in _FILES_WITH_RUNNERS if path in tree.sizes]
        return locate(tree, Source(present[0]), '"test"') if present else None
    if recipe.runner == "script":
        return Source(recipe.script, line=1)
    if recipe.runner == "pytest":
        place = _first_place(tree, _PYTEST_PLACES)
        if place is not None:
            return place
    for call in plan.detection.hints.calls:
        if recipe.runner in call.text:
            return call.source
    for path, text in plan.detection.tests.texts.items():
        if recipe.runner in text:
            return locate(tree, Source(path), f"import {recipe.runner}", recipe.runner)
    return None


def _explain_folders(plan: TestPlan) -> Iterator[Evidence]:
    layout = plan.detection.draft.layout
    for folder in layout.folders:
        if folder == ROOT and not layout.reason:
            continue
        configured = _first_place(plan.tree, [(CONFIG, "[tests] folders")])
        yield Evidence(f"folder {folder or '.'}", configured or Source("", layout.reason))


def _explain_variables(tree: Tree, recipe: Recipe) -> Iterator[Evidence]:
    for name in recipe.environment:
        source = Source("", "no file names it")
        for path in _FILES_WITH_VARIABLES:
            named = locate(tree, Source(path), name) if path in tree.sizes else Source(path)
            if named.line is not None:
                source = named
                break
        yield Evidence(f"variable {name}", source)


def _explain_others(plan: TestPlan) -> Iterator[Evidence]:
    """Yield the other languages with tests: those of a language are run if a change is in it."""
    for language, number in plan.detection.others.items():
        source = Source("", f"{count(number, 'file')} with tests")
        yield Evidence(f"{language} is tested only with a change to it", source)


def _explain_node(plan: TestPlan, toolchain: DetectedToolchain) -> Iterator[Evidence]:
    """Yield the version of Node.js that the repository asks for."""
    configured = _first_place(plan.tree, [(CONFIG, "[tests] node")])
    if configured is not None:
        yield Evidence(f"Node.js {plan.detection.draft.node}", configured)
    elif toolchain.node is not None:
        source = locate(plan.tree, toolchain.node.source, toolchain.node.source.place, '"node"')
        yield Evidence(f"Node.js {toolchain.node.version} or newer", source)


def _explain_python(plan: TestPlan, recipe: Recipe) -> Iterator[Evidence]:
    """Yield the version and what limited its choice."""
    tree = plan.tree
    draft = plan.detection.draft
    configured = _first_place(tree, [(CONFIG, "[tests] python")])
    yield Evidence(f"python {recipe.python}", configured or _python_source(plan))
    required = _first_place(tree, _PYTHON_PLACES)
    if draft.package.requires_python and required is not None:
        yield Evidence(f"python allowed {draft.package.requires_python}", required)
    if draft.package.classified_minors:
        minors = ", ".join(f"3.{minor}" for minor in draft.package.classified_minors)
        for path in ("pyproject.toml", "setup.cfg", "setup.py"):
            source = locate(tree, Source(path), _CLASSIFIER)
            if source.line is not None:
                yield Evidence(f"python classified {minors}", source)
    elif plan.detection.hints.minors_source is not None:
        minors = ", ".join(f"3.{minor}" for minor in plan.detection.hints.minors)
        yield Evidence(f"python tested {minors}", plan.detection.hints.minors_source)


def _python_source(plan: TestPlan) -> Source:
    """Return the place of the pinned version, or the reason for another one."""
    path, _, line = plan.python_source.rpartition(":")
    if path in plan.sizes and line.isdigit():
        return Source(path, line=int(line))
    return Source("", plan.python_source)


def _explain_package(plan: TestPlan, recipe: Recipe) -> Iterator[Evidence]:
    folder = f"{recipe.project}/" if recipe.project else ""
    places = [(folder + path, place) for path, place in _PACKAGE_PLACES]
    source = _first_place(plan.tree, places)
    if recipe.packaged and source is not None:
        yield Evidence(f"package {recipe.name or 'without a name'} is installed", source)


def _explain_extras(plan: TestPlan, recipe: Recipe) -> Iterator[Evidence]:
    for extra in recipe.extras:
        pattern = re.compile(rf"\[[\w,. -]*\b{re.escape(extra)}\b")
        source = _first_place(plan.tree, [(CONFIG, "[tests] extras")])
        lines = [(install.text, install.source) for install in plan.detection.hints.installs]
        lines += [(need.line, need.source) for need in plan.detection.needs]
        for text, place in lines:
            if source is None and pattern.search(text):
                source = locate(plan.tree, place, text)
        if source is None:
            source = _first_place(plan.tree, [("tox.ini", "[testenv] extras")])
        yield Evidence(f"extra {extra}", source or Source("", "stated by the automation"))


def _explain_needs(plan: TestPlan, recipe: Recipe) -> Iterator[Evidence]:
    """Yield each requirement with the first place that declares it."""
    sources: dict[str, Source] = {}
    for need in plan.detection.needs:
        sources.setdefault(need.line, need.source)
        sources.setdefault(_name(need.line), need.source)
    stated = [(f"requirement {line}", line) for line in recipe.requirements]
    stated += [(f"dependency {line}", line) for line in recipe.dependencies]
    for module, line in sorted(recipe.modules.items()):
        stated.append((f"{line} if missing, since {module} is imported", line))
    for number, (decision, line) in enumerate(stated):
        source = sources.get(line) or sources.get(_name(line)) or Source("", "no file names it")
        if number < _MAX_LOOKED_UP:
            source = locate(plan.tree, source, line, _name(line))
        yield Evidence(decision, source)


def _name(line: str) -> str:
    """Return the package's name; lines that are no requirements are returned as they are."""
    requirement = parse_requirement(line)
    return line if requirement is None else requirement.name
