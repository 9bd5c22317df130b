"""Install a pip that works with the interpreter: environments made by uv have none.

Tests don't need it. A model that works in a copy of the environment expects it, though: to see what
is installed, or to install the repository again.
"""

from repository.testing.install.installer import UvInstaller


async def install_pip(installer: UvInstaller) -> None:
    """Install pip as of the commit's date; if it does not work, a later one.

    The environment serves for tests without it, so a failure is only noted.
    """
    packages = ["pip"]
    for date in installer.dates:
        result = await installer.install(date, *packages)
        if installer.unreachable:
            break
        if result.returncode == 0:
            probe = await installer.run_python("-I", "-m", "pip", "--version")
            if probe.returncode == 0:
                return
        packages = ["--upgrade", "pip"]
    installer.log.note("the environment has no pip: none could be installed")
