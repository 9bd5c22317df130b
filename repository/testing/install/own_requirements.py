"""The run-time requirements of the repository's own package: they bind all later installations.

A test tool, a plugin or a pinned line of a requirements file must not replace a package by a
version that the project itself does not support.
"""

import re
from collections.abc import Iterable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from repository.testing.detect.requirements import installable, package_name
from repository.testing.install.installer import UvInstaller

#: A line of ``uv pip check``.
_BROKEN = re.compile(
    r"^The package `([\w.-]{1,100})` requires `([^`]{1,300})`, but (.{1,100})$", re.M
)
_MAX_NOTES = 5


def constraints_from(requires: Iterable[str], python: str) -> list[str]:
    """Return the requirements that limit versions, as constraints: without extras and markers.

    Args:
        requires: The ``Requires-Dist`` lines of the package's metadata.
        python: The interpreter's version, such as 3.11.
    """
    target = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    constraints: dict[str, None] = {}
    for line in installable(requires):
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate(target):
            continue
        if requirement.specifier:
            constraints[f"{requirement.name}{requirement.specifier}"] = None
    return list(constraints)


async def mend_own_requirements(installer: UvInstaller) -> None:
    """Install what the repository's own package requires and no longer has; note other conflicts.

    Packages conflict with each other at times without any effect on the tests.
    """
    broken = broken_requirements((await installer.check()).output)
    own_name = canonicalize_name(installer.recipe.name)
    own = [line for package, line, _ in broken if canonicalize_name(package) == own_name]
    siblings = installer.recipe.own_packages
    requirements = [line for line in installable(own) if package_name(line) not in siblings]
    if requirements:
        result = await installer.install(installer.dates[0], *installer.siblings, *requirements)
        state = "restored" if result.returncode == 0 else "still missing"
        installer.log.note(f"required by the repository, {state}: {', '.join(requirements)}")
    others = [entry for entry in broken if canonicalize_name(entry[0]) != own_name]
    for package, line, state in others[:_MAX_NOTES]:
        installer.log.note(f"{package} requires {line}, but {state}")


def broken_requirements(output: str) -> list[tuple[str, str, str]]:
    """Return package, requirement and what there is instead, for each line of ``uv pip check``."""
    return _BROKEN.findall(output)
