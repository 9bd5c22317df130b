"""Find the programs of other languages here, in the version that a repository asks for."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from repository.testing.environment import EnvironmentFailed

#: Program -> pattern of its versions below the home folder, as its wrapper or rustup unpacks them.
_VERSIONS_AT_HOME = {
    "gradle": ".gradle/wrapper/dists/gradle-{0}-*/*/gradle-{0}/bin/gradle",
    "mvn": ".m2/wrapper/dists/apache-maven-{0}*/*/bin/mvn",
}


class FoundTool(NamedTuple):
    """A program, and what to note about it."""

    path: Path
    note: str = ""


def find_tools(
    names: Iterable[str], versions: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, FoundTool]:
    """Return program -> where it is.

    Raises:
        EnvironmentFailed: some are missing.
    """
    tools: dict[str, FoundTool] = {}
    missing: list[str] = []
    for name in names:
        version = versions.get(name, "")
        tool = _find_version(name, version, environ) or _find_any(name, version, environ)
        if tool is None:
            missing.append(f"{name} {version}".strip())
        else:
            tools[name] = tool
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        cure = "it" if len(missing) == 1 else "them"
        raise EnvironmentFailed(
            f"{' and '.join(missing)} {verb} not on this machine; with {cure} these tests could run"
        )
    return tools


def _find_version(name: str, version: str, environ: Mapping[str, str]) -> FoundTool | None:
    if not version:
        return None
    if name == "cargo":
        programs = _rust_toolchains(environ).glob(f"{version}-*/bin/{name}")
    elif name in _VERSIONS_AT_HOME:
        home = Path(environ.get("HOME", "/"))
        programs = home.glob(_VERSIONS_AT_HOME[name].format(version))
    else:
        return None
    return next((FoundTool(path) for path in sorted(programs)), None)


def _find_any(name: str, version: str, environ: Mapping[str, str]) -> FoundTool | None:
    path = find_tool(name, environ)
    if path is None:
        return None
    if not version:
        return FoundTool(path)
    return FoundTool(path, f"the repository asks for {name} {version}; this machine's own is used")


def find_tool(name: str, environ: Mapping[str, str]) -> Path | None:
    """Return the real path of a program; for a rustup proxy, that of the toolchain's program."""
    command = shutil.which(name, path=environ.get("PATH"))
    if command is None:
        return None
    program = Path(command).resolve()
    if program.name == "rustup":
        return _rust_tool(name, environ)
    if program.name.startswith(name):
        return program
    return Path(command)


def _rust_tool(name: str, environ: Mapping[str, str]) -> Path | None:
    programs = _rust_toolchains(environ).glob(f"*/bin/{name}")
    stable_first = sorted(programs, key=lambda path: ("stable" not in str(path), str(path)))
    return stable_first[0] if stable_first else None


def _rust_toolchains(environ: Mapping[str, str]) -> Path:
    home = environ.get("RUSTUP_HOME") or Path(environ.get("HOME", "/")) / ".rustup"
    return Path(home) / "toolchains"
