"""Modules that tests import, and that no requirement of the repository brings."""

import re
from collections.abc import Mapping

from packaging.requirements import Requirement

from repository.testing.detect.requirements import installable
from repository.testing.install.installer import UvInstaller


async def find_missing_modules(installer: UvInstaller, variables: Mapping[str, str]) -> list[str]:
    """Return the requirements of modules that are not installed.

    ``variables`` are those of the tests' processes.
    """
    requirements = installer.recipe.modules
    if not requirements or installer.unreachable:
        return []
    result = await installer.run_script("print_missing_modules", *requirements, variables=variables)
    missing: list[str] = []
    for name in result.output.split():
        if name in requirements:
            missing.append(requirements[name])
    return installable(missing)


async def remove_broken_modules(installer: UvInstaller, installed: list[str]) -> None:
    """Remove modules again that lack a library of the machine's.

    They were installed because tests import them. Tests that can do without expect an ImportError.
    """
    requirements = installer.recipe.modules
    modules = [name for name, requirement in requirements.items() if requirement in installed]
    if not modules or not installer.time_left:
        return
    result = await installer.run_script("print_broken_modules", *modules)
    packages: list[str] = []
    for name in re.findall(r"^broken: (\S+)$", result.output, re.M):
        if name in modules:
            requirement = Requirement(requirements[name])
            packages.append(requirement.name)
    if packages:
        await installer.uninstall(packages)
