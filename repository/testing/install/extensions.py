"""Whether the extension modules in the tree can be loaded."""

import re

from repository.testing.install.installer import UvInstaller

_BROKEN = re.compile(r"^broken: (\S+)", re.M)
_STARTED = re.compile(r"^importing (\S+)$", re.M)
_ENDED = "all imported"


async def find_broken_extensions(installer: UvInstaller) -> list[str]:
    """Return the names of extension modules in the tree's packages that can't be loaded."""
    packages = installer.workspace / "tree" / installer.recipe.source_root
    result = await installer.run_script("print_broken_extensions", str(packages))
    broken = _BROKEN.findall(result.output)
    if _ENDED not in result.output:  # the last one ended the process
        broken += _STARTED.findall(result.output)[-1:]
    if broken:
        installer.log.note(f"can't be loaded: {', '.join(broken[:5])}")
    return broken
