"""A workspace of a small repository whose history continues after the base commit."""

import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from repository.git import Mirror, Mirrors
from repository.testing.command_log import CommandLog
from repository.testing.install.build import build_environment
from repository.testing.models import Recipe
from repository.workspace import Workspace, WorkspaceSource
from sandbox import NoIsolation, Sandbox
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.uid.backend import UidSandbox
from tests.stages.workbench import SAMPLE, build_tools

FILES = {
    **SAMPLE,
    ".gitignore": "*.log\n",
    "run.sh": "#!/bin/sh\necho run\n",
    "notes.bat": "one\r\ntwo\r\n",
    ".gitattributes": "*.bat text eol=crlf\n",
}

OpenWorkspace = Callable[[], Awaitable[Workspace]]


class Logs:
    """Keeps what is saved."""

    def __init__(self) -> None:
        self.texts: dict[str, str | bytes] = {}

    async def save(self, name: str, data: bytes | str) -> str:
        self.texts[name] = data
        return name


@pytest.fixture
def logs() -> Logs:
    return Logs()


BOTH_SANDBOXES = pytest.mark.parametrize("sandbox", ["bwrap", "uid"], indirect=True)


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Bubblewrap, or both for tests with ``BOTH_SANDBOXES``."""
    index = IndexProxy.configured({})
    try:
        if getattr(request, "param", "bwrap") == "bwrap":
            return BwrapSandbox(index)
        return UidSandbox(Path("/not/there"), index)
    except NoIsolation as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mirror() -> Iterator[Mirror]:
    with tempfile.TemporaryDirectory(prefix="origin-") as name:
        origin = Path(name) / "origin"
        for path, content in FILES.items():
            (origin / path).parent.mkdir(parents=True, exist_ok=True)
            (origin / path).write_bytes(content.encode())
        (origin / "run.sh").chmod(0o755)
        (origin / "link").symlink_to("calc.py")
        git(origin, "init", "-q", "-b", "main")
        (origin / "submodule").mkdir()
        git(origin, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},submodule")
        commit(origin, "first")
        (origin / "calc.py").write_text("fixed later\n")
        commit(origin, "the fix")
        mirror = Mirrors(Path(name) / "mirrors", lambda _: None).at("octo/calc")
        mirror.fetch(origin.as_uri(), ["main"])
        yield mirror


def commit(origin: Path, message: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    git(origin, "add", "-A")
    git(origin, *author, "commit", "-q", "-m", message)


def git(folder: Path, *arguments: str) -> str:
    environment = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def base_sha(mirror: Mirror) -> str:
    head = mirror.branch("main")
    assert head
    return git(mirror.folder, "rev-parse", f"{head}^").strip()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A run's folder outside /tmp."""
    with tempfile.TemporaryDirectory(prefix="run-", dir="/var/tmp", ignore_cleanup_errors=True) as (
        name
    ):
        run = Path(name) / "run"
        run.mkdir(mode=0o700)
        Path(name).chmod(0o755)
        yield run


@pytest.fixture
def recipe(base_sha: str) -> Recipe:
    """The sample's tests need nothing installed."""
    return Recipe(
        repository="octo/calc",
        base_sha=base_sha,
        committed_at=1_700_000_000,
        runner="unittest",
        python=f"3.{sys.version_info.minor}",
        patterns=("test_*.py",),
    )


@pytest.fixture
def open_workspace(
    sandbox: Sandbox, mirror: Mirror, base_sha: str, folder: Path, logs: Logs
) -> OpenWorkspace:
    """Opens the workspace without an environment."""
    source = WorkspaceSource(mirror, base_sha, None)

    async def open_it() -> Workspace:
        return await Workspace.open(sandbox, folder, source, save=logs.save)

    return open_it


@pytest.fixture
async def workspace(open_workspace: OpenWorkspace) -> Workspace:
    return await open_workspace()


@pytest.fixture
async def tested_workspace(
    sandbox: Sandbox, mirror: Mirror, recipe: Recipe, folder: Path, logs: Logs
) -> Workspace:
    """A workspace with an environment, in which the sample's tests run."""
    tools = build_tools(sandbox, folder.parent / "cache")
    await build_environment(tools, mirror, recipe, folder, CommandLog())
    source = WorkspaceSource(mirror, recipe.base_sha, recipe)
    return await Workspace.open(sandbox, folder, source, save=logs.save)


async def sh(workspace: Workspace, command: str) -> str:
    """Run a command that succeeds; return what it prints."""
    output = await workspace.run(command, seconds=30.0)
    assert output.exit_code == 0, output.text
    return output.text
