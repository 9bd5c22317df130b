"""Install what compiling a change's sources needs: the network is out of reach of the tests."""

from repository.testing.detect.requirements import package_name
from repository.testing.install.installer import UvInstaller
from repository.testing.install.unisolated_build import BUILT_AGAINST, build_tools

#: What back ends ask for only while they build, by the module's name.
_TOOLS_OF_BACKENDS = {"mesonpy": ("ninja",), "scikit_build_core": ("cmake", "ninja")}


async def install_rebuild_tools(installer: UvInstaller) -> bool:
    """Install the build's requirements into a folder of their own; return whether that worked.

    The tests don't see it. What extension modules are built against is taken from the environment.
    """
    requirements = build_tools(installer.recipe.build_requirements)
    against = [line for line in requirements if package_name(line) in BUILT_AGAINST]
    tools = [line for line in requirements if line not in against]
    backend = installer.recipe.backend.partition(".")[0]
    tools += _TOOLS_OF_BACKENDS.get(backend, ())
    tools += await _not_installed(installer, against)
    target = ("--target", str(installer.build_tools))
    result = await installer.install(installer.dates[0], *target, *tools)
    return result.returncode == 0


async def _not_installed(installer: UvInstaller, requirements: list[str]) -> list[str]:
    names = [package_name(line) for line in requirements]
    if not names:
        return []
    result = await installer.run_script("print_missing_modules", *names)
    missing = result.output.split()
    return [line for line in requirements if package_name(line) in missing]
