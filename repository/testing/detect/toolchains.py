"""Detect a language other than Python in which a repository is tested, and its runner."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from repository.counts import count
from repository.files import VENDORED_FOLDERS, matches
from repository.languages import Language
from repository.runners import NODE_RUNNERS, Runner
from repository.testing.detect.languages import weight_of
from repository.testing.detect.modules import ROOT, find_module_folders
from repository.testing.detect.node.detect import NodeTests, detect_node
from repository.testing.detect.node.node_versions import NodeVersion
from repository.testing.detect.node.projects import call_runner
from repository.testing.detect.test_options import find_test_options
from repository.testing.detect.tool_versions import find_tool_versions
from repository.testing.detect.tree import Tree
from repository.testing.ecosystems import ECOSYSTEMS, Ecosystem
from repository.testing.models import BuildStep
from repository.testing.node_project import NodeProject
from repository.testing.run.project_folders import deepest_folder, group_by_folder

_MAX_READ = 400
_MAX_FOLDERS = 12
"""More projects would take longer than a run may."""


@dataclass(frozen=True)
class DetectedToolchain:
    """An ecosystem as found in the repository's files."""

    language: Language
    patterns: tuple[str, ...]
    """Patterns of files with only tests; if there are none, of files that may contain tests."""
    test_texts: Mapping[str, str]
    """Test file -> text."""
    runner: Runner | None
    """None if the repository uses no known runner."""
    reason: str
    """Why this runner was chosen, or why there is none."""
    tools: tuple[str, ...]
    """Programs that must be installed on the machine."""
    steps: tuple[BuildStep, ...]
    """Steps to take before the tests can run."""
    folders: tuple[str, ...] = (ROOT,)
    """Folders of the projects whose tests can be run; the root is ``""``."""
    whole: bool = True
    """Whether no project with tests is left out."""
    tool_versions: Mapping[str, str] = field(default_factory=dict)
    """Program -> version that the repository asks for."""
    options: tuple[str, ...] = ()
    """Options that the repository always passes to the runner, and we pass, too."""
    node_projects: tuple[NodeProject, ...] = ()
    """For JavaScript and TypeScript: how each package is tested."""
    node: NodeVersion | None = None
    """For them: the version of Node.js that the repository asks for."""


def find_toolchains(
    tree: Tree, ranking: Sequence[str], configured: Runner | None
) -> list[DetectedToolchain]:
    """Return the ecosystems that files reveal, those with the most test files first.

    Args:
        tree: the repository's files.
        ranking: paths of the issue's likeliest sources.
        configured: the runner that the repository names; then only its own ecosystem counts.
    """
    found: list[DetectedToolchain] = []
    for ecosystem in ECOSYSTEMS:
        if configured not in (None, ecosystem.runner):
            continue
        folders = find_module_folders(tree, ecosystem.runner, ecosystem.revealed_by)
        if folders:
            found.append(_detect_ecosystem(_read_tests(ecosystem, folders, tree), tree))
    node = _detect_packages(tree, ranking, configured)
    if node is not None:
        # Without tests, a package.json may only be there for tools.
        found.insert(0 if node.test_texts else len(found), node)
    return sorted(found, key=lambda one: len(one.test_texts), reverse=True)


def _detect_packages(
    tree: Tree, ranking: Sequence[str], configured: Runner | None
) -> DetectedToolchain | None:
    if configured is not None and configured not in NODE_RUNNERS:
        return None
    packages = detect_node(tree, ranking)
    if packages is None:
        return None
    toolchain = _node_toolchain(packages)
    return toolchain if configured is None else _use_runner(toolchain, configured)


def choose_toolchain(
    toolchains: Sequence[DetectedToolchain], ranking: Sequence[str]
) -> DetectedToolchain | None:
    """Return the toolchain in whose language the likeliest sources are, else the first.

    Those without tests count only if none has any.
    """
    tested = [one for one in toolchains if one.test_texts and one.runner]
    return max(
        tested or toolchains,
        key=lambda one: weight_of(one.language, ranking),
        default=None,  # the first one wins a tie
    )


def _detect_ecosystem(tests: "_FoundTests", tree: Tree) -> DetectedToolchain:
    ecosystem = tests.ecosystem
    with_tests = tests.folders_with_tests()
    project_folders = with_tests[:_MAX_FOLDERS]
    return DetectedToolchain(
        language=ecosystem.language,
        patterns=ecosystem.test_only_patterns or ecosystem.patterns,
        test_texts=tests.texts,
        runner=ecosystem.runner,
        reason=_describe_place(ecosystem, project_folders, tree),
        tools=ecosystem.tools,
        steps=_steps_in_folders(ecosystem.steps, project_folders),
        folders=project_folders,
        whole=project_folders == with_tests,
        tool_versions=find_tool_versions(tree, ecosystem.runner, project_folders[0]),
        options=find_test_options(tree, ecosystem.runner),
    )


def _use_runner(toolchain: DetectedToolchain, runner: Runner) -> DetectedToolchain:
    """Return the toolchain with the runner that the repository's configuration names."""
    projects = call_runner(toolchain.node_projects, runner)
    return replace(toolchain, runner=runner, node_projects=projects)


def choose_folders(toolchain: DetectedToolchain, configured: Sequence[str]) -> DetectedToolchain:
    """Return the toolchain with only the configured projects; unchanged if it has none of them."""
    folders = tuple(folder for folder in configured if folder in toolchain.folders)
    if not folders:
        return toolchain
    steps = toolchain.steps
    if not toolchain.node_projects:  # their steps may serve several packages
        steps = tuple(step for step in steps if step.folder in folders)
    return replace(
        toolchain,
        folders=folders,
        whole=toolchain.whole and len(folders) == len(toolchain.folders),
        test_texts={
            path: text
            for path, text in toolchain.test_texts.items()
            if deepest_folder(toolchain.folders, path) in folders
        },
        steps=steps,
        node_projects=tuple(
            project
            for project in toolchain.node_projects
            if not project.commands or project.folder in folders
        ),
    )


def _node_toolchain(node: NodeTests) -> DetectedToolchain:
    return DetectedToolchain(
        language="JavaScript",
        patterns=node.patterns,
        test_texts=node.texts,
        runner=node.runner,
        reason=node.reason,
        tools=("node", "npm"),
        steps=node.steps,
        folders=node.folders or (ROOT,),
        whole=node.whole,
        node_projects=node.projects,
        node=node.node,
    )


@dataclass(frozen=True)
class _FoundTests:
    """The test files of an ecosystem that are in one of its project folders."""

    ecosystem: Ecosystem
    folders: Sequence[str]
    texts: Mapping[str, str]

    def folders_with_tests(self) -> tuple[str, ...]:
        """Return the folders with tests; without tests, the first one."""
        tests = group_by_folder(self.folders, self.texts)
        if not self.texts:
            return (self.folders[0],)
        return tuple(folder for folder in self.folders if folder in tests)


def _read_tests(ecosystem: Ecosystem, folders: Sequence[str], tree: Tree) -> _FoundTests:
    candidates = [
        path
        for path in tree.paths
        if matches(path, ecosystem.patterns) and VENDORED_FOLDERS.isdisjoint(path.split("/"))
    ]
    mark = re.compile(ecosystem.test_mark, re.M)
    texts = {}
    for path in candidates[:_MAX_READ]:
        text = tree.text(path)
        if deepest_folder(folders, path) is not None and mark.search(text):
            texts[path] = text
    return _FoundTests(ecosystem, folders, texts)


def _describe_place(ecosystem: Ecosystem, folders: Sequence[str], tree: Tree) -> str:
    """Return which file reveals the ecosystem, and in which folders."""
    first = folders[0]
    paths = [f"{first}/{name}".removeprefix("/") for name in ecosystem.revealed_by]
    path = next(path for path in paths if path in tree.sizes)
    if len(folders) == 1:
        return f"it has {path}"
    return f"it has {path} and {count(len(folders) - 1, 'other project')} with tests"


def _steps_in_folders(steps: Sequence[BuildStep], folders: Sequence[str]) -> tuple[BuildStep, ...]:
    """Return the steps for each folder."""
    placed: list[BuildStep] = []
    for folder in folders:
        placed += [step.model_copy(update={"folder": folder}) for step in steps]
    return tuple(placed)
