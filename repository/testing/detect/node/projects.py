"""Find how each package is tested: by the calls of its own scripts, else by a dependency."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from posixpath import normpath

from repository.runners import Runner
from repository.testing.detect.node.package_json import PackageJson
from repository.testing.detect.node.runner_calls import RunnerCall, find_runner_call, is_check
from repository.testing.detect.node.runner_options import read_call
from repository.testing.detect.node.scripts import ScriptCommand, ScriptResolver, command_line
from repository.testing.detect.node.shell_words import Word
from repository.testing.detect.tree import Tree
from repository.testing.node_project import NodeCommand, NodeProject
from repository.testing.run.project_folders import group_by_folder

_TEST_SCRIPTS = ("test", "tests", "test:unit", "unit", "test:node", "test-unit", "testonly")
_IMPORT_OF_NODE_TEST = re.compile(r"['\"]node:test['\"]")
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


@dataclass(frozen=True)
class ProjectFinder:
    """Finds the projects of packages, each with the reason why it is tested like that."""

    tree: Tree
    packages: Mapping[str, PackageJson]
    members: Mapping[str, Sequence[str]]
    """Folder of a workspace -> the folders of its packages."""
    resolver: ScriptResolver
    texts: Mapping[str, str]
    """Test file -> text."""

    def find(self, root: str) -> list[tuple[NodeProject, str]]:
        """Return the projects that the scripts of a package run; else those of its workspace."""
        found = self._by_script(root)
        if found:
            return found
        for member in self.members.get(root, ()):
            found += self._by_script(member) or self._by_dependency(member, root)
        return found or self._by_dependency(root, root)

    def _by_script(self, folder: str) -> list[tuple[NodeProject, str]]:
        for script in _TEST_SCRIPTS:
            commands = self.resolver.resolve(folder, script)
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
                    return [(single_call(folder, command), f"{package.path} depends on {name}")]
        tests = group_by_folder([folder], self.texts).get(folder, [])
        prefix = f"{folder}/" if folder else ""
        for test in tests:
            if _IMPORT_OF_NODE_TEST.search(self.texts.get(prefix + test, "")):
                command = NodeCommand(runner="node:test", program=("node",))
                return [(single_call(folder, command), f"{prefix}{test} imports node:test")]
        return []


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
    return tuple(chosen) or (single_call("", plain),)


def single_call(folder: str, command: NodeCommand) -> NodeProject:
    """Return the project of a package with one call of a runner."""
    return NodeProject(folder=folder, commands=(command,))


def _called(command: NodeCommand) -> str:
    return Word(command.program[-1]).program if command.runner == "tap" else command.runner


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
