"""Find modules that tests import but that no requirement of the repository provides."""

import re
from collections.abc import Mapping

from packaging.requirements import Requirement

from repository.testing.detect.requirements import installable
from repository.testing.install.installer import UvInstaller


async def find_missing_modules(installer: UvInstaller, variables: Mapping[str, str]) -> list[str]:
    """Return the requirements that provide missing modules.

    ``variables`` are the environment variables of the tests.
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
    """Uninstall modules that fail to load because this machine lacks a library.

    They were installed because tests import them. Tests for which a module is optional expect an
    ImportError.
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
