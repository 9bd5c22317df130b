"""Detect from a repository's files how it is tested: runners to try, test files, requirements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from repository.config import CONFIG, ConfigError, TestsConfig, read_tests_config
from repository.files import matches
from repository.languages import Language
from repository.runners import PYTHON_RUNNERS, Runner
from repository.testing.detect.automation import AutomationHints, read_automation
from repository.testing.detect.build_requirements import PackageBuild, read_build
from repository.testing.detect.django import (
    MANAGE,
    SETTINGS_VARIABLE,
    manage_options,
    options_with_settings,
)
from repository.testing.detect.imports import reachable_sources
from repository.testing.detect.interpreter_pins import Pin, find_environment_pin, find_pin
from repository.testing.detect.languages import weight_of
from repository.testing.detect.merging import (
    join,
    merge_needs,
    merge_packages,
    merge_sources,
    merge_tests,
)
from repository.testing.detect.needs import TestNeeds, find_needs, select_needs
from repository.testing.detect.project import Package, Project
from repository.testing.detect.pyproject_needs import names_of_local_packages
from repository.testing.detect.python_projects import (
    Layout,
    choose_projects,
    names_of_packages,
    tree_of_project,
)
from repository.testing.detect.python_tests import (
    Script,
    TestFiles,
    choose_runners,
    find_script,
    find_test_files,
    read_shared_files,
)
from repository.testing.detect.requirements import (
    Confidence,
    Need,
    Source,
    installable,
    needs_from,
)
from repository.testing.detect.surroundings import find_surroundings
from repository.testing.detect.toolchains import (
    DetectedToolchain,
    choose_folders,
    choose_toolchain,
    find_toolchains,
)
from repository.testing.detect.tox import read_tox
from repository.testing.detect.tree import Tree
from repository.testing.run.project_folders import ROOT

#: They build a Python package whose tests are for its Rust sources, too.
_RUST_BACKENDS = ("maturin", "setuptools_rust")


@dataclass(frozen=True)
class RecipeDraft:
    """How a repository is tested; the interpreter is not yet chosen."""

    runners: tuple[Runner, ...] = ()
    """Runners to try in order; empty if there is nothing to run."""
    has_tests: bool = True
    """Whether the repository has a test for the runners."""
    script: Script = field(default_factory=Script)
    patterns: tuple[str, ...] = ()
    """Patterns of test files: of file names or, with a slash, of paths."""
    package: Package = field(default_factory=Package)
    build: PackageBuild = field(default_factory=PackageBuild)
    needs: TestNeeds = field(default_factory=TestNeeds)
    toolchain: DetectedToolchain | None = None
    """None if the tests are Python's."""
    python: str | None = None
    """The Python version that the repository's configuration requests, such as 3.11."""
    pin: Pin | None = None
    """The Python version that the repository's developers use."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the tests."""
    obstacles: tuple[str, ...] = ()
    """What the tests may need and can't have here, in sentences."""
    layout: Layout = field(default_factory=Layout)
    """The Python projects that are installed and tested."""
    import_folders: tuple[str, ...] = ()
    """Folders of Python projects that are tested but not installed."""


@dataclass(frozen=True)
class Detection:
    draft: RecipeDraft
    reason: str
    """Why this runner was chosen, or why there is none."""
    tests: TestFiles = field(default_factory=TestFiles)
    hints: AutomationHints = field(default_factory=AutomationHints)
    needs: tuple[Need, ...] = ()
    """Needs from all sources; ``draft.needs`` was selected from them."""
    others: Mapping[Language, int] = field(default_factory=dict)
    """Other languages with tests -> how many files have them. They are run if a change is in that
    language."""


def detect(tree: Tree, ranking: Sequence[str] = (), language: Language | None = None) -> Detection:
    """Detect how a repository is tested; its own configuration takes precedence.

    Args:
        tree: the repository's files.
        ranking: the paths of the issue's likeliest sources, likeliest first: of several projects or
            languages, those that it is about are tested.
        language: the only language whose tests are wanted.
    """
    try:
        config = read_tests_config(tree.read(CONFIG))
    except ConfigError as error:
        return Detection(RecipeDraft(), reason=str(error))
    layout = choose_projects(tree, ranking, config.folders)
    detection = _detect_projects(tree, layout)
    toolchains = find_toolchains(tree, ranking, config.runner if not config.command else None)
    if language is not None and (config.command or config.runner):
        return Detection(RecipeDraft(), reason=f"{CONFIG} names the tests to run")
    if language is not None:
        detection = _detect_language(detection, toolchains, language)
        return _configure(detection, config, tree)
    toolchain = _choose_toolchain(tree, detection, toolchains, config, ranking)
    detection = replace(detection, others=_other_languages(detection, toolchain, toolchains))
    if toolchain is None and config.runner not in (None, *PYTHON_RUNNERS) and not config.command:
        reason = f"{CONFIG} names the runner {config.runner}, but no file shows its project"
        return Detection(RecipeDraft(), reason=reason)
    if toolchain is not None:
        detection = _prefer_toolchain(detection, choose_folders(toolchain, config.folders))
    return _configure(detection, config, tree)


def _detect_projects(tree: Tree, layout: Layout) -> Detection:
    """Detect how the chosen Python projects are tested, with one environment for all of them."""
    if layout == Layout():
        return _detect_python(tree)
    parts: dict[str, Detection] = {}
    for folder in dict.fromkeys([*layout.folders, layout.project, ROOT]):
        parts[folder] = _detect_python(tree_of_project(tree, folder, layout.folders))
    first = parts[layout.folders[0]]
    tested = {
        folder: parts[folder]
        for folder in layout.folders
        if parts[folder].draft.runners[:1] == first.draft.runners[:1]
    }
    own_names = names_of_packages(tree, [*layout.folders, layout.project, *layout.siblings])
    own_names |= names_of_local_packages(Project(tree).pyproject)
    tests = merge_tests({folder: part.tests for folder, part in tested.items()})
    installed = parts[layout.project].draft
    needs = merge_needs(installed.needs, _other_needs(parts, layout), own_names, tree.paths)
    packages = [part.draft.package for part in tested.values()]
    draft = replace(
        first.draft,
        has_tests=any(part.draft.has_tests for part in tested.values()),
        patterns=tests.patterns,
        package=merge_packages(installed.package, layout.project, packages),
        build=installed.build,
        needs=needs,
        pin=first.draft.pin or parts[ROOT].draft.pin,
        layout=replace(
            layout, folders=tuple(tested), whole=layout.whole and len(tested) == len(layout.folders)
        ),
        import_folders=_import_folders(parts, layout),
    )
    return Detection(
        draft=draft,
        reason=first.reason,
        tests=tests,
        hints=first.hints,
        needs=merge_sources({folder: part.needs for folder, part in parts.items()}),
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
    """Return the pinned version; an image counts only if nothing states what the tests run on."""
    pin = find_pin(project.tree)
    package = project.package
    stated = package.requires_python or package.classified_minors or hints.minors
    if pin is None and not stated:
        return find_environment_pin(project.tree)
    return pin


def _detect_language(
    python: Detection, toolchains: Sequence[DetectedToolchain], language: Language
) -> Detection:
    """Return how the tests in a language are run, if there are any."""
    if language == "Python":
        return python
    for toolchain in toolchains:
        if toolchain.language == language:
            return _prefer_toolchain(python, toolchain)
    return Detection(RecipeDraft(), reason=f"no file shows a project in {language}")


def _other_languages(
    python: Detection, chosen: DetectedToolchain | None, toolchains: Sequence[DetectedToolchain]
) -> dict[Language, int]:
    """Return the languages with tests of their own that are not those of the chosen runner."""
    others: dict[Language, int] = {}
    for toolchain in toolchains:
        if toolchain is not chosen and toolchain.test_texts:
            others[toolchain.language] = len(toolchain.test_texts)
    if chosen is not None and python.draft.has_tests and python.tests.paths:
        others["Python"] = len(python.tests.paths)
    return others


def _choose_toolchain(
    tree: Tree,
    python: Detection,
    toolchains: Sequence[DetectedToolchain],
    config: TestsConfig,
    ranking: Sequence[str],
) -> DetectedToolchain | None:
    """Return the toolchain if the tests are not Python's; a configured runner decides."""
    if config.runner in PYTHON_RUNNERS and not config.command:
        return None
    toolchain = choose_toolchain(toolchains, ranking)
    if config.runner is not None and not config.command:
        return toolchain
    has_python = any(path.endswith(".py") for path in tree.paths)
    if toolchain is None or (has_python and not _is_preferred(toolchain, python, ranking)):
        return None
    return toolchain


def _is_preferred(toolchain: DetectedToolchain, python: Detection, ranking: Sequence[str]) -> bool:
    python_tests = len(python.tests.paths) if python.draft.has_tests else 0
    if python_tests and toolchain.runner is None:
        return False
    has_more = len(toolchain.test_texts) > python_tests
    has_both = python_tests and toolchain.test_texts
    if not has_both or python.draft.package.backend in _RUST_BACKENDS:
        return has_more
    own = weight_of("Python", ranking)
    other = weight_of(toolchain.language, ranking)
    return has_more if own == other else other > own


def _prefer_toolchain(python: Detection, toolchain: DetectedToolchain) -> Detection:
    runners = (toolchain.runner,) if toolchain.runner is not None else ()
    tests = TestFiles(
        paths=tuple(toolchain.test_texts),
        patterns=toolchain.patterns,
        texts=toolchain.test_texts,
    )
    draft = replace(
        python.draft,
        runners=runners,
        has_tests=True,
        patterns=toolchain.patterns,
        toolchain=toolchain,
        layout=Layout(whole=toolchain.whole),
    )
    return replace(python, draft=draft, reason=toolchain.reason, tests=tests)


def _configure(detection: Detection, config: TestsConfig, tree: Tree) -> Detection:
    """Return the detection with the settings of the repository's configuration applied."""
    tests = detection.tests
    if config.files:
        paths = tuple(path for path in tree.paths if matches(path, config.files))
        tests = TestFiles(paths, config.files, tests.texts)
    has_tests = detection.draft.has_tests or bool(config.files or config.command)
    draft = replace(detection.draft, patterns=tests.patterns, has_tests=has_tests)
    reason = detection.reason
    if config.command or config.runner:
        reason = f"set in {CONFIG}"
    source = Source(CONFIG, "[tests] requirements")
    configured_needs = needs_from(config.requirements, source, Confidence.DECLARED)
    return Detection(
        draft=_configure_draft(draft, config),
        reason=reason,
        tests=tests,
        hints=detection.hints,
        needs=(*configured_needs, *detection.needs),
        others={} if config.command or config.runner else detection.others,
    )


def _configure_draft(draft: RecipeDraft, config: TestsConfig) -> RecipeDraft:
    requirements = installable([*config.requirements, *draft.needs.requirements])
    needs = replace(
        draft.needs,
        requirements=tuple(requirements),
        extras=config.extras or draft.needs.extras,
    )
    runners = draft.runners
    script = draft.script
    if config.settings and script.path == MANAGE:
        script = replace(script, options=options_with_settings(config.settings))
    if config.command:
        runners = ("command",)
        script = replace(script, options=config.command)
    elif config.runner:
        runners = (config.runner,)
    return replace(
        draft,
        runners=runners,
        script=script,
        needs=needs,
        python=config.python,
        environment=_configure_variables(draft, config),
    )


def _configure_variables(draft: RecipeDraft, config: TestsConfig) -> dict[str, str]:
    variables = {**draft.environment, **config.environment}
    if config.settings:
        variables[SETTINGS_VARIABLE] = config.settings
    return variables
