"""Find in which folders packages must be installed before projects can be tested."""

from collections.abc import Mapping, Sequence

from repository.testing.detect.node.package_json import PackageJson
from repository.testing.detect.node.package_managers import install_command
from repository.testing.detect.tree import Tree
from repository.testing.models import BuildStep
from repository.testing.node_project import NodeProject
from repository.testing.run.project_folders import ROOT, deepest_folder

Packages = Mapping[str, PackageJson]
Members = Mapping[str, Sequence[str]]


def install_steps(
    tree: Tree, packages: Packages, members: Members, projects: Sequence[NodeProject]
) -> tuple[BuildStep, ...]:
    """Return one installation for each workspace, and for each package in none.

    A package without dependencies of its own may use those of the root, also its runner.
    """
    roots = {_install_root(project.folder, packages, members): None for project in projects}
    if ROOT in packages and not all(packages[one.folder].dependencies for one in projects):
        roots = {ROOT: None, **roots}
    steps: list[BuildStep] = []
    for root in roots:
        package = packages[root]
        if package.dependencies or root in members:
            inside = [packages[folder] for folder in members.get(root, ())]
            command = install_command(tree, package, inside)
            steps.append(BuildStep(command=command, network=True, folder=root))
    return tuple(steps)


def _install_root(folder: str, packages: Packages, members: Members) -> str:
    for root, inside in members.items():
        if folder in inside:
            return root
    package = deepest_folder(list(packages), folder or "package.json")
    return package if package is not None else folder
