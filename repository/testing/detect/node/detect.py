"""Detect how a repository's packages of JavaScript and TypeScript are tested."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from repository.runners import Runner
from repository.testing.detect.node.builds import add_uses, library_builds
from repository.testing.detect.node.configured_files import configured_patterns
from repository.testing.detect.node.installations import install_steps
from repository.testing.detect.node.node_versions import NodeVersion, find_node_version
from repository.testing.detect.node.package_json import PackageJson
from repository.testing.detect.node.projects import ProjectFinder, single_call
from repository.testing.detect.node.scripts import ScriptResolver
from repository.testing.detect.node.test_files import TEST_PATTERNS, patterns_of, read_tests
from repository.testing.detect.node.workspaces import (
    PACKAGE_FILE,
    find_members,
    is_example,
    read_packages,
)
from repository.testing.detect.tree import Tree
from repository.testing.models import BuildStep
from repository.testing.node_preparation import build_script
from repository.testing.node_project import NodeCommand, NodeProject
from repository.testing.run.project_folders import deepest_folder

_ROOT = ""
#: What npm init writes.
_NO_TESTS = re.compile(r"no test specified")
_RANKED = 10
"""Number of likely sources that decide whether an example is tested."""
_MAX_PROJECTS = 12
"""More projects would take longer than a run may."""


@dataclass(frozen=True)
class NodeTests:
    """The packages with tests, and how they are set up."""

    texts: Mapping[str, str]
    """Test file -> text."""
    patterns: tuple[str, ...]
    projects: tuple[NodeProject, ...]
    """Those with tests, and the packages that they need built; empty if no runner is known."""
    reason: str
    """Why these runners were chosen, or why there is none."""
    steps: tuple[BuildStep, ...] = ()
    whole: bool = True
    """Whether no package with tests is left out."""
    node: NodeVersion | None = None
    """The version of Node.js that the repository asks for."""

    @property
    def runner(self) -> Runner | None:
        """The runner of most packages."""
        runners = [command.runner for project in self.projects for command in project.commands]
        return max(runners, key=runners.count, default=None)

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders of the packages whose tests are run."""
        return tuple(project.folder for project in self.projects if project.commands)


def detect_node(tree: Tree, ranking: Sequence[str] = ()) -> NodeTests | None:
    """Return how the packages are tested; None if there is no package.json.

    Examples are tested only if one of the issue's likeliest sources (``ranking``) is in them.
    """
    packages = read_packages(tree)
    if not packages and PACKAGE_FILE not in tree.sizes:
        return None
    texts = read_tests(tree, TEST_PATTERNS)
    if not packages:
        return NodeTests(texts, TEST_PATTERNS, (), f"its {PACKAGE_FILE} can't be read")
    likely = {deepest_folder(list(packages), path) for path in ranking[:_RANKED]}
    tests = _Detector(tree, packages, find_members(tree, packages), texts, likely).detect()
    return replace(tests, node=find_node_version(tree, packages, tests.folders))


@dataclass(frozen=True)
class _Detector:
    tree: Tree
    packages: Mapping[str, PackageJson]
    members: Mapping[str, Sequence[str]]
    """Folder of a workspace -> the folders of its packages."""
    texts: Mapping[str, str]
    likely: Collection[str | None]
    """The packages that the issue is likely to be about."""

    def detect(self) -> NodeTests:
        roots = self._roots()
        resolver = ScriptResolver(self.packages, self.members)
        finder = ProjectFinder(self.tree, self.packages, self.members, resolver, self.texts)
        projects: dict[str, NodeProject] = {}
        reasons: list[str] = []
        for root in roots:
            for project, reason in finder.find(root):
                projects.setdefault(project.folder, project)
                reasons.append(reason)
        patterns = self._patterns(projects.values())
        texts = read_tests(self.tree, patterns)
        tested = self._with_tests(projects, texts)
        if not tested:
            return self._without_runner(roots, patterns, texts)
        chosen = tested[:_MAX_PROJECTS]
        all_projects = self._add_builds(chosen, resolver, texts)
        steps = install_steps(self.tree, self.packages, self.members, chosen)
        return NodeTests(
            texts=texts,
            patterns=patterns,
            projects=all_projects,
            reason=_describe(reasons, chosen),
            steps=(*steps, *_build_steps(all_projects)),
            whole=chosen == tested,
        )

    def _patterns(self, projects: Collection[NodeProject]) -> tuple[str, ...]:
        """Return the patterns of test files, with those that commands and configurations name."""
        commands = [command for project in projects for command in project.commands]
        folders = [project.folder for project in projects]
        own = patterns_of(self.tree, commands, folders)
        configured = configured_patterns(self.tree, folders)
        return tuple(dict.fromkeys((*TEST_PATTERNS, *own, *configured)))

    def _add_builds(
        self, tested: Sequence[NodeProject], resolver: ScriptResolver, texts: Mapping[str, str]
    ) -> tuple[NodeProject, ...]:
        """Return the tested projects after the packages that must be built for them."""
        builds = library_builds(self.tree, resolver, self.packages, tested, texts)
        return tuple(add_uses(project, self.packages) for project in (*builds, *tested))

    def _without_runner(
        self, roots: Sequence[str], patterns: tuple[str, ...], texts: Mapping[str, str]
    ) -> NodeTests:
        """Return why no runner is known; in a repository without tests, Node's own can run one."""
        root = self.packages[roots[0]] if roots else next(iter(self.packages.values()))
        script = root.scripts.get("test", "")
        plain = single_call(root.folder, NodeCommand(runner="node:test", program=("node",)))
        steps = install_steps(self.tree, self.packages, self.members, [plain])
        if not texts and (not script or _NO_TESTS.search(script)):
            return NodeTests(texts, patterns, (plain,), "it has no tests", steps)
        reason = (
            f"no known runner: in {root.path}, the script 'test' is {script[:100]!r}; jest, vitest,"
            " mocha, jasmine, ava, tape, uvu, tap and node --test are known"
        )
        return NodeTests(texts, patterns, (), reason, steps)

    def _roots(self) -> list[str]:
        """Return the packages to begin with: the outermost, which are in no workspace."""
        inside = {folder for folders in self.members.values() for folder in folders}
        outermost = [folder for folder in self.packages if folder not in inside]
        chosen = [
            folder
            for folder in outermost
            if folder == _ROOT or folder in self.likely or not is_example(folder)
        ]
        return chosen or outermost

    def _with_tests(
        self, projects: Mapping[str, NodeProject], texts: Mapping[str, str]
    ) -> list[NodeProject]:
        """Return the projects with test files, outermost first; without any tests, all."""
        folders = sorted(projects, key=lambda folder: (folder.count("/"), folder))
        owners = {deepest_folder(folders, path) for path in texts}
        tested = [folder for folder in folders if folder in owners] if texts else folders
        return [projects[folder] for folder in tested]


def _describe(reasons: Sequence[str], projects: Sequence[NodeProject]) -> str:
    others = f" and {len(projects) - 1} other packages" if len(projects) > 1 else ""
    return f"{reasons[0]}{others}"


def _build_steps(projects: Sequence[NodeProject]) -> list[BuildStep]:
    if not any(project.preparation for project in projects):
        return []
    return [BuildStep(command=build_script(projects), network=False)]
