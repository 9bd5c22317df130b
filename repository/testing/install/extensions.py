"""Whether the extension modules in the tree can be loaded."""

import re
from dataclasses import dataclass

from repository.testing.install.installer import UvInstaller

_BROKEN = re.compile(r"^broken: (\S+)", re.M)
_STARTED = re.compile(r"^importing (\S+)$", re.M)
_ENDED = "all imported"


@dataclass(frozen=True)
class Extensions:
    """The extension modules in the tree's packages, by name."""

    names: tuple[str, ...]
    broken: tuple[str, ...]
    """Those that can't be loaded."""


async def check_extensions(installer: UvInstaller) -> Extensions:
    """Import the extension modules in the tree's packages."""
    packages = installer.workspace / "tree" / installer.recipe.source_root
    result = await installer.run_script("print_broken_extensions", str(packages))
    names = _STARTED.findall(result.output)
    broken = _BROKEN.findall(result.output)
    if _ENDED not in result.output:  # the last one ended the process
        broken += names[-1:]
    if broken:
        installer.log.note(f"can't be loaded: {', '.join(broken[:5])}")
    return Extensions(tuple(names), tuple(broken))
