"""Detect how a repository's packages of JavaScript and TypeScript are tested."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from posixpath import normpath

from repository.files import VENDORED_FOLDERS, is_test_helper, matches
from repository.runners import Runner
from repository.testing.detect.node.builds import add_uses, library_builds
from repository.testing.detect.node.package_json import PackageJson
from repository.testing.detect.node.package_managers import install_command
from repository.testing.detect.node.runner_calls import RunnerCall, find_runner_call, is_check
from repository.testing.detect.node.runner_options import read_call
from repository.testing.detect.node.scripts import ScriptCommand, ScriptResolver, command_line
from repository.testing.detect.node.shell_words import Word
from repository.testing.detect.node.test_files import TEST_PATTERNS, patterns_of
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
from repository.testing.run.project_folders import deepest_folder, group_by_folder

_ROOT = ""
_TEST_SCRIPTS = ("test", "tests", "test:unit", "unit", "test:node", "test-unit", "testonly")
_TEST_MARK = re.compile(r"\b(?:test|it|describe|suite|assert|expect)\b")
_IMPORT_OF_NODE_TEST = re.compile(r"['\"]node:test['\"]")
#: What npm init writes.
_NO_TESTS = re.compile(r"no test specified")
_RUNNERS_BY_PACKAGE: tuple[tuple[str, Runner], ...] = (
    ("vitest", "vitest"),
    ("jest", "jest"),
    ("mocha", "mocha"),
    ("jasmine", "jasmine"),
    ("ava", "tap"),
    ("tape", "tap"),
    ("uvu", "tap"),
    ("tap", "tap"),
)
_MAX_READ = 400
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
    texts = _read_tests(tree, TEST_PATTERNS)
    if not packages:
        return NodeTests(texts, TEST_PATTERNS, (), f"its {PACKAGE_FILE} can't be read")
    likely = {deepest_folder(list(packages), path) for path in ranking[:_RANKED]}
    return _Detector(tree, packages, find_members(tree, packages), texts, likely).detect()


def call_runner(projects: Sequence[NodeProject], runner: Runner) -> tuple[NodeProject, ...]:
    """Return the projects with only the calls of one runner; without any, with a plain call."""
    program = "node" if runner == "node:test" else runner
    plain = NodeCommand(runner=runner, program=(program,))
    chosen: list[NodeProject] = []
    for project in projects:
        calls = tuple(command for command in project.commands if command.runner == runner)
        if project.commands:
            chosen.append(project.model_copy(update={"commands": calls or (plain,)}))
        else:
            chosen.append(project)
    return tuple(chosen) or (_project(_ROOT, plain),)


def _read_tests(tree: Tree, patterns: Iterable[str]) -> dict[str, str]:
    candidates = [
        path
        for path in tree.paths
        if matches(path, patterns)
        and VENDORED_FOLDERS.isdisjoint(path.split("/"))
        and not is_test_helper(path)
    ]
    texts: dict[str, str] = {}
    for path in candidates[:_MAX_READ]:
        text = tree.text(path)
        if _TEST_MARK.search(text):
            texts[path] = text
    return texts


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
        projects: dict[str, NodeProject] = {}
        reasons: list[str] = []
        for root in roots:
            for project, reason in self._projects_of(root):
                projects.setdefault(project.folder, project)
                reasons.append(reason)
        commands = [command for project in projects.values() for command in project.commands]
        patterns = (*TEST_PATTERNS, *patterns_of(self.tree, commands, list(projects)))
        texts = _read_tests(self.tree, patterns)
        with_tests = self._with_tests(projects, texts)
        tested = with_tests[:_MAX_PROJECTS]
        if not tested:
            return self._without_runner(roots, patterns, texts)
        builds = library_builds(self.tree, self._resolver, self.packages, tested, texts)
        all_projects = tuple(add_uses(project, self.packages) for project in (*builds, *tested))
        return NodeTests(
            texts=texts,
            patterns=tuple(dict.fromkeys(patterns)),
            projects=all_projects,
            reason=self._describe(reasons, tested),
            steps=(*self._install_steps(tested), *_build_steps(all_projects)),
            whole=tested == with_tests,
        )

    def _without_runner(
        self, roots: Sequence[str], patterns: tuple[str, ...], texts: Mapping[str, str]
    ) -> NodeTests:
        """Return why no runner is known; in a repository without tests, Node's own can run one."""
        root = self.packages[roots[0]] if roots else next(iter(self.packages.values()))
        script = root.scripts.get("test", "")
        plain = _project(root.folder, NodeCommand(runner="node:test", program=("node",)))
        steps = self._install_steps([plain])
        if not texts and (not script or _NO_TESTS.search(script)):
            return NodeTests(texts, patterns, (plain,), "it has no tests", steps)
        reason = (
            f"no known runner: in {root.path}, the script 'test' is {script[:100]!r}; jest, vitest,"
            " mocha, jasmine, ava, tape, uvu, tap and node --test are known"
        )
        return NodeTests(texts, patterns, (), reason, steps)

    @cached_property
    def _resolver(self) -> ScriptResolver:
        return ScriptResolver(self.packages, self.members)

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

    def _projects_of(self, root: str) -> list[tuple[NodeProject, str]]:
        """Return the projects that the scripts of a package run; else those of its workspace."""
        found = self._by_script(root)
        if found:
            return found
        for member in self.members.get(root, ()):
            found += self._by_script(member) or self._by_dependency(member, root)
        return found or self._by_dependency(root, root)

    def _by_script(self, folder: str) -> list[tuple[NodeProject, str]]:
        for script in _TEST_SCRIPTS:
            commands = self._resolver.resolve(folder, script)
            projects = _group_commands(commands)
            if projects:
                path = self.packages[folder].path
                projects = [self._with_node_test(project) for project in projects]
                return [
                    (project, f"{path}: script {script!r} calls {_called(project.commands[0])}")
                    for project in projects
                ]
        return []

    def _with_node_test(self, project: NodeProject) -> NodeProject:
        """Return the project with scripts that import node:test run by Node's own runner."""
        commands = [
            command.model_copy(update={"runner": "node:test"})
            if command.runner == "tap" and self._imports_node_test(project.folder, command)
            else command
            for command in project.commands
        ]
        return project.model_copy(update={"commands": tuple(commands)})

    def _imports_node_test(self, folder: str, command: NodeCommand) -> bool:
        prefix = f"{folder}/" if folder else ""
        paths = [normpath(prefix + Word(file).value) for file in command.files]
        return any(_IMPORT_OF_NODE_TEST.search(self.tree.text(path)) for path in paths)

    def _by_dependency(self, folder: str, root: str) -> list[tuple[NodeProject, str]]:
        """Return a call without options of the runner on which a package depends."""
        for candidate in dict.fromkeys((folder, root)):
            package = self.packages[candidate]
            for name, runner in _RUNNERS_BY_PACKAGE:
                if name in package.dependencies:
                    program = "node" if name in ("uvu", "tap") else name
                    command = read_call(RunnerCall(runner, (Word(program),), ()))
                    return [(_project(folder, command), f"{package.path} depends on {name}")]
        tests = group_by_folder([folder], self.texts).get(folder, [])
        prefix = f"{folder}/" if folder else ""
        for test in tests:
            if _IMPORT_OF_NODE_TEST.search(self.texts.get(prefix + test, "")):
                command = NodeCommand(runner="node:test", program=("node",))
                return [(_project(folder, command), f"{prefix}{test} imports node:test")]
        return []

    def _with_tests(
        self, projects: Mapping[str, NodeProject], texts: Mapping[str, str]
    ) -> list[NodeProject]:
        """Return the projects with test files, outermost first; without any tests, all."""
        folders = sorted(projects, key=lambda folder: (folder.count("/"), folder))
        owners = {deepest_folder(folders, path) for path in texts}
        tested = [folder for folder in folders if folder in owners] if texts else folders
        return [projects[folder] for folder in tested]

    def _install_steps(self, projects: Sequence[NodeProject]) -> tuple[BuildStep, ...]:
        """Return one installation for each workspace, and for each package in none."""
        roots = {self._install_root(project.folder): None for project in projects}
        if _ROOT in self.packages and not all(self._has_runner(project) for project in projects):
            roots = {_ROOT: None, **roots}
        steps = []
        for root in roots:
            package = self.packages[root]
            if package.dependencies or root in self.members:
                command = install_command(self.tree, package)
                steps.append(BuildStep(command=command, network=True, folder=root))
        return tuple(steps)

    def _has_runner(self, project: NodeProject) -> bool:
        """Whether a package has dependencies of its own; its runner may be the root's."""
        return bool(self.packages[project.folder].dependencies)

    def _install_root(self, folder: str) -> str:
        for root, members in self.members.items():
            if folder in members:
                return root
        package = deepest_folder(list(self.packages), folder or "package.json")
        return package if package is not None else folder

    def _describe(self, reasons: Sequence[str], projects: Sequence[NodeProject]) -> str:
        asked = self.packages.get(_ROOT, PackageJson("")).node_versions
        versions = f"; it asks for Node {asked}" if asked else ""
        others = f" and {len(projects) - 1} other packages" if len(projects) > 1 else ""
        return f"{reasons[0]}{others}{versions}"


def _build_steps(projects: Sequence[NodeProject]) -> list[BuildStep]:
    if not any(project.preparation for project in projects):
        return []
    return [BuildStep(command=build_script(projects), network=False)]


def _called(command: NodeCommand) -> str:
    return Word(command.program[-1]).program if command.runner == "tap" else command.runner


def _project(folder: str, command: NodeCommand) -> NodeProject:
    return NodeProject(folder=folder, commands=(command,))


def _group_commands(commands: Sequence[ScriptCommand]) -> list[NodeProject]:
    """Return the projects in whose folders runners are called; checks are left out."""
    calls: dict[str, list[NodeCommand]] = {}
    waiting: dict[str, list[str]] = {}
    preparations: dict[str, list[str]] = {}
    for command in commands:
        call = find_runner_call(command.words)
        if call is not None:
            calls.setdefault(command.folder, []).append(read_call(call))
            # What is built before the last runner is needed, what follows it is not.
            preparations.setdefault(command.folder, []).extend(waiting.pop(command.folder, []))
        elif not is_check(command.words):
            waiting.setdefault(command.folder, []).append(command_line(command))
    return [
        NodeProject(
            folder=folder,
            preparation=tuple(preparations.get(folder, ())),
            commands=tuple(dict.fromkeys(own)),
        )
        for folder, own in calls.items()
    ]
