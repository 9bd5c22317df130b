"""Detect how the Python projects of a repository are tested."""

from collections.abc import Mapping
from dataclasses import replace

from repository.testing.detect.automation import AutomationHints, read_automation
from repository.testing.detect.build_requirements import read_build
from repository.testing.detect.django import MANAGE, manage_options
from repository.testing.detect.draft import Detection, RecipeDraft
from repository.testing.detect.imports import reachable_sources
from repository.testing.detect.interpreter_pins import Pin, find_environment_pin, find_pin
from repository.testing.detect.merging import (
    join,
    merge_needs,
    merge_packages,
    merge_sources,
    merge_tests,
)
from repository.testing.detect.needs import TestNeeds, find_needs, select_needs
from repository.testing.detect.project import Project
from repository.testing.detect.pyproject_needs import names_of_local_packages
from repository.testing.detect.python_projects import Layout, names_of_packages, tree_of_project
from repository.testing.detect.python_tests import (
    choose_runners,
    find_script,
    find_test_files,
    read_shared_files,
)
from repository.testing.detect.surroundings import find_surroundings
from repository.testing.detect.tox import read_tox
from repository.testing.detect.tree import Tree
from repository.testing.run.project_folders import ROOT


def detect_projects(tree: Tree, layout: Layout) -> Detection:
    """Detect how the chosen Python projects are tested, with one environment for all of them."""
    if layout == Layout():
        return _detect_python(tree)
    parts: dict[str, Detection] = {}
    for folder in dict.fromkeys([*layout.folders, layout.project, ROOT]):
        parts[folder] = _detect_python(tree_of_project(tree, folder, layout.folders))
    first = parts[layout.folders[0]]
    tested = _tested_together(parts, layout)
    tests = merge_tests({folder: part.tests for folder, part in tested.items()})
    return Detection(
        draft=_merge_drafts(tree, layout, parts, tested, tests.patterns),
        reason=first.reason,
        tests=tests,
        hints=first.hints,
        needs=merge_sources({folder: part.needs for folder, part in parts.items()}),
    )


def _tested_together(parts: Mapping[str, Detection], layout: Layout) -> dict[str, Detection]:
    """Return the tested projects with the runner of the first."""
    runner = parts[layout.folders[0]].draft.runners[:1]
    return {
        folder: parts[folder]
        for folder in layout.folders
        if parts[folder].draft.runners[:1] == runner
    }


def _merge_drafts(
    tree: Tree,
    layout: Layout,
    parts: Mapping[str, Detection],
    tested: Mapping[str, Detection],
    patterns: tuple[str, ...],
) -> RecipeDraft:
    """Return the draft of one environment for all projects; ``tested`` are some of the parts."""
    first = parts[layout.folders[0]].draft
    installed = parts[layout.project].draft
    packages = [part.draft.package for part in tested.values()]
    own_names = names_of_packages(tree, [*layout.folders, layout.project, *layout.siblings])
    own_names.update(layout.packages, names_of_local_packages(Project(tree).pyproject))
    is_whole = layout.whole and len(tested) == len(layout.folders)
    return replace(
        first,
        has_tests=any(part.draft.has_tests for part in tested.values()),
        patterns=patterns,
        package=merge_packages(installed.package, layout.project, packages),
        build=installed.build,
        needs=merge_needs(installed.needs, _other_needs(parts, layout), own_names, tree.paths),
        pin=first.pin or parts[ROOT].draft.pin,
        layout=replace(layout, folders=tuple(tested), whole=is_whole),
        import_folders=_import_folders(parts, layout),
    )


def _other_needs(parts: Mapping[str, Detection], layout: Layout) -> list[TestNeeds]:
    """Return the needs of the projects whose package is not installed by the recipe itself.

    Those of a sibling's package come with it. A root that is not tested may declare what its
    projects are developed with, and what they need if none of them is a package.
    """
    has_package = parts[layout.project].draft.package.is_installable
    others: list[TestNeeds] = []
    for folder, part in parts.items():
        if folder == layout.project:
            continue
        needs = part.draft.needs
        is_for_others = has_package and folder not in layout.folders
        if part.draft.package.is_installable or is_for_others:
            needs = replace(needs, dependencies=())
        if folder not in layout.folders:
            needs = replace(needs, modules={})
        others.append(needs)
    return others


def _import_folders(parts: Mapping[str, Detection], layout: Layout) -> tuple[str, ...]:
    """Return the folders with the modules of tested projects that are not installed."""
    folders: list[str] = []
    for folder in layout.folders:
        package = parts[folder].draft.package
        if folder != ROOT and not package.is_installable:
            folders += [join(folder, package.source_root), folder]
    return tuple(dict.fromkeys(folders))


def _detect_python(tree: Tree) -> Detection:
    project = Project(tree)
    tests = find_test_files(project)
    script = find_script(tree)
    hints = read_automation(tree, script.path)
    shared = read_shared_files(tree, tests)
    test_code = {**tests.texts, **shared}
    tox = read_tox(tree)
    surroundings = find_surroundings(project, hints, tox, tests, shared)
    if script.path == MANAGE:
        script = replace(script, options=manage_options(tree, surroundings.settings))
    all_needs = find_needs(project, hints, tox, test_code)
    choice = choose_runners(project, tests, script, hints, all_needs)
    code = test_code
    if not project.package.is_installable:
        code = {**reachable_sources(tree, test_code), **test_code}
    draft = RecipeDraft(
        runners=choice.runners,
        has_tests=choice.has_tests,
        script=script,
        patterns=tests.patterns,
        package=project.package,
        build=read_build(project),
        pin=_find_pin(project, hints),
        environment=surroundings.variables,
        obstacles=surroundings.obstacles,
        needs=select_needs(all_needs, project, hints, tox, code),
    )
    return Detection(
        draft=draft,
        reason=choice.reason,
        tests=tests,
        hints=hints,
        needs=tuple(all_needs),
    )


def _find_pin(project: Project, hints: AutomationHints) -> Pin | None:
    """Return the pinned version.

    That of conda or an image counts only if nothing states what the tests run on.
    """
    pin = find_pin(project.tree)
    package = project.package
    stated = package.requires_python or package.classified_minors or hints.minors
    if pin is None and not stated:
        return find_environment_pin(project.tree)
    return pin
