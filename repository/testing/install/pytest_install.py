"""Install a pytest that works with the interpreter."""

from packaging.requirements import Requirement

from repository.config import CONFIG
from repository.testing.environment import EnvironmentFailed
from repository.testing.install.installer import UvInstaller
from repository.testing.install.uv_errors import first_error

_SECONDS = 90.0
"""Without pytest, all that was installed before is in vain."""


async def install_pytest(installer: UvInstaller) -> None:
    """Install pytest as of the commit's date; if it does not work, a later one with its plugins.

    Raises:
        EnvironmentFailed: none works, and the tests have no other runner.
    """
    names = [Requirement(line).name for line in installer.recipe.requirements]
    plugins = [name for name in names if name.startswith("pytest-")]
    output = ""
    packages = ["pytest"]
    installer.extend(_SECONDS)
    for date in installer.dates:
        result = await installer.install(date, *packages)
        output = "no time was left" if result.timed_out else result.output
        if result.returncode == 0:
            probe = await installer.run_script("probe_pytest")
            if probe.returncode == 0:
                return
            output = probe.output
        packages = ["--upgrade", *plugins, "pytest"]
    if installer.recipe.runners == ("pytest",):
        raise EnvironmentFailed(_describe_failure(installer, output))


def _describe_failure(installer: UvInstaller, output: str) -> str:
    failure = f"pytest can't be installed: {first_error(output)}"
    if installer.recipe.offline:
        return failure
    if installer.unreachable:
        return f"{failure}; the package index does not respond"
    return (
        f"{failure}; requirements or python under [tests] in {CONFIG} can name versions that"
        " work together"
    )
