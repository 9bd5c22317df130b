"""Detect how a repository is tested, from evidence in its files: the runners to try, the test files
and what they need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from repository.config import CONFIG, ConfigError, TestsConfig, read_tests_config
from repository.files import matches
from repository.runners import Runner
from repository.testing.detect.automation import AutomationHints, read_automation
from repository.testing.detect.needs import TestNeeds, find_needs, select_needs
from repository.testing.detect.project import Package, Project
from repository.testing.detect.python_tests import (
    RunnerChoice,
    Script,
    TestFiles,
    choose_runners,
    find_script,
    find_test_files,
    read_shared_files,
)
from repository.testing.detect.requirements import Need, installable
from repository.testing.detect.toolchains import DetectedToolchain, detect_toolchain
from repository.testing.detect.tree import Tree


@dataclass(frozen=True)
class RecipeDraft:
    """How a repository is tested, before an interpreter of this machine is chosen for it."""

    runners: tuple[Runner, ...] = ()
    """To try in order; empty: there is nothing to run."""
    script: Script = field(default_factory=Script)
    patterns: tuple[str, ...] = ()
    """Of test files: of names, or of paths with a slash."""
    package: Package = field(default_factory=Package)
    needs: TestNeeds = field(default_factory=TestNeeds)
    toolchain: DetectedToolchain | None = None
    """None: the tests are Python's."""
    python: str | None = None
    """The interpreter that the repository's configuration asks for, such as 3.11."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for the tests."""


@dataclass(frozen=True)
class Evidence:
    """Something that was concluded, and from what."""

    conclusion: str
    source: str


@dataclass(frozen=True)
class Detection:
    draft: RecipeDraft
    reason: str
    """How the runner was decided, or why there is none."""
    tests: TestFiles = field(default_factory=TestFiles)
    hints: AutomationHints = field(default_factory=AutomationHints)
    evidence: tuple[Evidence, ...] = ()


def detect(tree: Tree) -> Detection:
    """Return how a repository is tested; its own configuration goes before what is detected."""
    try:
        config = read_tests_config(tree.read(CONFIG))
    except ConfigError as error:
        return Detection(RecipeDraft(), reason=str(error))
    detection = _detect_python(tree)
    toolchain = detect_toolchain(tree)
    if toolchain is not None and _has_more_tests(toolchain, detection):
        detection = _prefer_toolchain(detection, toolchain)
    return _configure(detection, config, tree)


def _detect_python(tree: Tree) -> Detection:
    project = Project(tree)
    tests = find_test_files(project)
    script = find_script(tree)
    hints = read_automation(tree, script.path)
    choice = choose_runners(project, tests, script, hints)
    test_code = {**tests.texts, **read_shared_files(tree, tests)}
    all_needs = find_needs(project, hints, test_code)
    needs = select_needs(all_needs, project, hints, test_code)
    draft = RecipeDraft(
        runners=choice.runners,
        script=script,
        patterns=tests.patterns,
        package=project.package,
        needs=needs,
    )
    evidence = _collect_evidence(choice, needs, all_needs)
    return Detection(draft, choice.reason, tests, hints, evidence)


def _has_more_tests(toolchain: DetectedToolchain, python: Detection) -> bool:
    python_tests = len(python.tests.paths) if python.draft.runners else 0
    return len(toolchain.test_texts) > python_tests


def _prefer_toolchain(python: Detection, toolchain: DetectedToolchain) -> Detection:
    runners = (toolchain.runner,) if toolchain.runner is not None else ()
    tests = TestFiles(
        paths=tuple(toolchain.test_texts),
        patterns=toolchain.patterns,
        texts=toolchain.test_texts,
    )
    return Detection(
        draft=replace(python.draft, runners=runners, patterns=tests.patterns, toolchain=toolchain),
        reason=toolchain.reason,
        tests=tests,
        hints=python.hints,
        evidence=tuple(Evidence(f"runner {runner}", toolchain.reason) for runner in runners),
    )


def _configure(detection: Detection, config: TestsConfig, tree: Tree) -> Detection:
    """Return the detection with what the repository's configuration sets."""
    tests = detection.tests
    if config.files:
        paths = tuple(path for path in tree.paths if matches(path, config.files))
        tests = TestFiles(paths, config.files, tests.texts)
    draft = _configure_draft(replace(detection.draft, patterns=tests.patterns), config)
    reason = detection.reason
    evidence = [*detection.evidence]
    if config.command or config.runner:
        reason = f"{CONFIG} says so"
        evidence.insert(0, Evidence(f"runner {draft.runners[0]}", CONFIG))
    evidence += [Evidence(f"requirement {line}", CONFIG) for line in config.requirements]
    return replace(detection, draft=draft, reason=reason, tests=tests, evidence=tuple(evidence))


def _configure_draft(draft: RecipeDraft, config: TestsConfig) -> RecipeDraft:
    requirements = installable([*config.requirements, *draft.needs.requirements])
    needs = replace(
        draft.needs,
        requirements=tuple(requirements),
        extras=config.extras or draft.needs.extras,
    )
    runners = draft.runners
    script = draft.script
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
        environment=config.environment,
    )


def _collect_evidence(
    choice: RunnerChoice, needs: TestNeeds, all_needs: Sequence[Need]
) -> tuple[Evidence, ...]:
    """Return what led to the runner and to each requirement."""
    sources: dict[str, str] = {}
    for need in all_needs:
        sources.setdefault(need.line, need.source)
    evidence = [Evidence(f"runner {runner}", choice.reason) for runner in choice.runners[:1]]
    for line in needs.requirements:
        evidence.append(Evidence(f"requirement {line}", sources[line]))
    for module, line in sorted(needs.modules.items()):
        source = sources.get(line, "no file names it")
        evidence.append(Evidence(f"{line} if missing", f"tests import {module}; {source}"))
    return tuple(evidence)
