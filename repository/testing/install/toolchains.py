"""Environments of the ecosystems beside Python: their tools found on this machine, fetched for and
built with.
"""

import asyncio
import contextlib
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from repository.testing.detect.ecosystems import KEPT
from repository.testing.environment import BuiltEnvironment, EnvironmentFailed
from repository.testing.folders import copy_folder, empty_folders, make_readable
from repository.testing.models import Recipe
from sandbox import Sandbox, SandboxCommand

_STEP_SECONDS = 400.0
#: What an operator sets for the tools' registries.
SETTINGS = (
    "npm_config_registry",
    "NODE_EXTRA_CA_CERTS",
    "GOPROXY",
    "GOSUMDB",
    "SSL_CERT_FILE",
    "CARGO_HTTP_CAINFO",
)
#: Below ``KEPT``: each tool's caches, so that what was fetched is there when nothing can be
#: fetched.
_FOLDERS = {
    "CARGO_HOME": "cargo",
    "GOPATH": "go",
    "GOCACHE": "go-build",
    "npm_config_cache": "npm",
    "GRADLE_USER_HOME": "gradle",
    "YARN_CACHE_FOLDER": "yarn",
    "npm_config_store_dir": "pnpm",
}
_FIXED = {
    "CI": "1",
    "GOTOOLCHAIN": "local",
    "GOFLAGS": "-mod=mod",
    "CARGO_TERM_COLOR": "never",
    "RUST_BACKTRACE": "1",
}


def find_tool(name: str, environ: Mapping[str, str]) -> Path | None:
    """The real program; what rustup stands in for is the toolchain's own."""
    found = shutil.which(name, path=environ.get("PATH"))
    if found is None:
        return None
    real = Path(found).resolve()
    if real.name == "rustup":
        home = Path(environ.get("RUSTUP_HOME") or Path(environ.get("HOME", "/")) / ".rustup")
        chains = sorted(
            home.glob(f"toolchains/*/bin/{name}"),
            key=lambda path: ("stable" not in str(path), str(path)),
        )
        return chains[0] if chains else None
    return real if real.name.startswith(name) else Path(found)


async def build(
    sandbox: Sandbox,
    workspace: Path,
    recipe: Recipe,
    index: Mapping[str, str],
    log: list[str],
    cache: Path,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """From ``source`` make ``prepared``; raises EnvironmentFailed, which says what would make it
    possible.
    """
    found = {name: find_tool(name, environ) for name in recipe.tools}
    if missing := [name for name, path in found.items() if path is None]:
        raise EnvironmentFailed(
            f"{', '.join(missing)} is not on this machine; with it these tests could run"
        )
    await empty_folders(sandbox, workspace, "env", "report")
    await copy_folder(sandbox, workspace, "source", "tree")
    folders = tuple(dict.fromkeys(path.parent for path in found.values() if path))
    here = await asyncio.to_thread(_maven_here, environ, cache) if "mvn" in found else None
    local = BuiltEnvironment(
        recipe=recipe,
        interpreter=None,
        install_mode="path",
        tool_folders=folders,
        readable=(*_readable(folders), *([here] if here else [])),
        variables=_variables(workspace, recipe) | {"M2_HERE": str(here or "")},
    )
    for step in recipe.steps:
        network = step.network
        line = step.command
        environment = local.process_variables(workspace) | (
            dict(index) if network else {"GOPROXY": "off"}
        )
        done = await sandbox.run(
            SandboxCommand(
                ("/bin/sh", "-c", f'mkdir -p "$KEPT"; {line}'),
                cwd=workspace / "tree",
                network="install" if network and not recipe.offline else "none",
                writable=(workspace / "tree",),
                readable=local.readable,
                environment=environment,
                timeout=_STEP_SECONDS,
                output_limit=100_000,
            )
        )
        log.append(
            f"$ {line}\n{done.output}[ended with {done.returncode} after {done.seconds:.1f} s]\n"
        )
        if done.returncode != 0:
            doing = "fetching what it needs" if network else "building it"
            raise EnvironmentFailed(f"{doing} for {recipe.runner} failed: {_told(done.output)}")
    await copy_folder(sandbox, workspace, "tree", "prepared")
    local.write(workspace)


def _maven_here(environ: Mapping[str, str], cache: Path) -> Path | None:
    """A copy, for the sandbox to read, of the repository that this machine's Maven has; made once."""
    own = Path(environ.get("HOME", "/")) / ".m2/repository"
    copy = cache / "maven"
    if not copy.is_dir() and own.is_dir():
        fresh = cache / f"maven.{uuid.uuid4().hex[:8]}"
        shutil.copytree(own, fresh, symlinks=True)
        make_readable(fresh)
        with contextlib.suppress(OSError):  # another run was first
            fresh.rename(copy)
    return copy if copy.is_dir() else None


def _variables(workspace: Path, recipe: Recipe) -> dict[str, str]:
    kept = workspace / "tree" / KEPT
    before = datetime.fromtimestamp(recipe.committed_at + 86_400, UTC)
    return (
        _FIXED
        | {name: str(kept / folder) for name, folder in _FOLDERS.items()}
        | {"KEPT": str(kept), "BEFORE": f"{before:%Y-%m-%d}"}
    )


def _readable(folders: Sequence[Path]) -> tuple[Path, ...]:
    """What a tool outside the system's folders needs beside its own: its prefix's libraries."""
    outside = [
        folder for folder in folders if not folder.is_relative_to("/usr") and folder != Path("/bin")
    ]
    prefixes = [folder.parent if folder.name == "bin" else folder for folder in outside]
    found = [
        prefix / name
        for prefix in prefixes
        for name in ("bin", "lib", "libexec", "share", "src", "pkg", "conf")
    ]
    return tuple(
        path for path in (*found, *Path("/etc").glob("java-*"), Path("/etc/maven")) if path.is_dir()
    )


def _told(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower() or "ERR!" in line]
    return [*told, *lines[-1:], "it said nothing"][0][:300]
