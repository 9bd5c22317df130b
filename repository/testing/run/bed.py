"""Make the tree, run these tests in it, read the report: the one way in which tests are ever run.

On disk, below a run's workspace: ``env`` (the environment), ``prepared`` (the base commit's files
as they were after installing), ``tree`` (where every test run happens, made anew from
``prepared``), ``report``, ``changes``. All but ``changes`` are written by untrusted code, so this
process neither follows a link nor writes anything in them."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict

from repository.testing.models import Recipe, TestReport, not_loaded
from repository.testing.run.commands import command_lines, read_results, shell_limits
from repository.testing.run.reports.junit import UnreadableReport
from sandbox import Sandbox, SandboxCommand, SandboxResult

MAX_SAID_CHARS = 4_000
_TOLD_VERSION = (
    "SETUPTOOLS_SCM_PRETEND_VERSION",
    "PBR_VERSION",
    "PDM_BUILD_SCM_VERSION",
    "PDM_PEP517_SCM_VERSION",
    "POETRY_DYNAMIC_VERSIONING_BYPASS",
)
_COPY = "cp -dR --preserve=mode,timestamps,links"
#: Empties folders that hostile code has filled; inside the sandbox, so that links lead nowhere.
_EMPTY = """set -e
empty() { find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \\; ; find "$1" -mindepth 1 -delete; }
"""
_REMAKE = f"""empty tree; empty report
{_COPY} prepared/. tree/
cp -R changes/new/. tree/
cd tree && xargs -0 -r rm -rf -- < ../changes/removed
"""


INTERRUPTED = 2
"""How pytest and our runner end where no time is left."""

Installed = Literal["editable", "copied", "path"]


class EnvironmentFailed(Exception):
    """No environment in which the tests could run; the text says at what it failed."""


class Local(BaseModel):
    """What this machine, and no other, knows of the environment. Kept where the sandbox can't
    write.
    """

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    interpreter: Path | None
    """None where the tests are not Python's."""
    installed: Installed
    """How the repository's packages are found: a link to ``tree``, a copy (hidden by PYTHONPATH), PYTHONPATH alone."""
    folders: tuple[Path, ...]
    """Of the interpreter, or of the tools."""
    readable: tuple[Path, ...]
    """What they need to be read, beside the system's folders."""
    variables: dict[str, str] = {}

    @classmethod
    def read(cls, workspace: Path) -> "Local | None":
        file = workspace / "local.json"
        return cls.model_validate_json(file.read_text()) if file.exists() else None

    def write(self, workspace: Path) -> None:
        (workspace / "local.json").write_text(self.model_dump_json())

    def python(self, workspace: Path) -> Path | None:
        return workspace / "env/bin/python" if self.recipe.needs_environment else self.interpreter

    def environment(self, workspace: Path) -> dict[str, str]:
        tree = workspace / "tree"
        given = {
            "PATH": ":".join(
                map(
                    str,
                    (workspace / "env/bin", *self.folders, "/usr/local/bin", "/usr/bin", "/bin"),
                )
            ),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "TZ": "UTC",
        }
        if self.recipe.needs_environment:
            given["VIRTUAL_ENV"] = f"{workspace}/env"
        if self.installed != "editable" and self.interpreter is not None:
            given["PYTHONPATH"] = ":".join(
                [
                    *([f"{tree}/{self.recipe.source_root}"] if self.recipe.source_root else []),
                    str(tree),
                ]
            )
        return (
            given
            | version_variables(self.recipe.version)
            | self.variables
            | self.recipe.environment
        )


def version_variables(version: str | None) -> dict[str, str]:
    """For packages that ask git for their version: there is no ``.git`` in the tree."""
    return dict.fromkeys(_TOLD_VERSION, version) if version else {}


async def sweep(sandbox: Sandbox, workspace: Path, *names: str) -> None:
    """Make folders of the workspace empty, existing or not."""
    await _scripted(sandbox, workspace, "".join(f"empty {name}\n" for name in names), names)


async def copy_folder(sandbox: Sandbox, workspace: Path, source: str, target: str) -> None:
    """``target``, a folder of the workspace, becomes what ``source`` is."""
    script = f"empty {target}\n{_COPY} {source}/. {target}/"
    await _scripted(sandbox, workspace, script, (target,), readable=(workspace / source,))


async def run_suite(
    sandbox: Sandbox,
    workspace: Path,
    *,
    changes: Mapping[str, bytes | None],
    tests: Sequence[str],
    seconds: float,
    save: Callable[[str, bytes | str], Awaitable[str]],
    label: str,
) -> TestReport:
    """Run test files (none: the whole suite) on the base commit with ``changes`` (path -> bytes, None: removed).

    ``prepare_tests`` must have set ``workspace`` up. ``label`` names the log among the run's artifacts; ``seconds`` is
    its time limit.

    Raises:
        OSError: the sandbox or the disk refused; the run can be tried again.
    """
    local = Local.read(workspace)
    if local is None:
        raise OSError(f"no test environment in {workspace}")
    await _remake(sandbox, workspace, changes)
    present = [name for name in tests if changes.get(name, b"") is not None]
    limits = {} if local.interpreter else shell_limits(workspace, seconds)
    log = ""
    done = SandboxResult(0, "", False, 0.0)
    for argv in command_lines(local.recipe, local.python(workspace), workspace, present, seconds):
        done = await sandbox.run(
            SandboxCommand(
                argv,
                cwd=workspace / "tree",
                writable=(workspace / "tree", workspace / "report"),
                readable=_readable(local, workspace),
                environment=local.environment(workspace) | limits,
                timeout=seconds,
            )
        )
        log += f"$ {' '.join(word if len(word) < 300 else '...' for word in argv)}\n{done.output}\n"
        log += f"[ended with {done.returncode} after {done.seconds:.1f} s]\n"
        try:
            results, failures = await asyncio.to_thread(
                read_results, local.recipe, workspace, done.output
            )
            break
        except UnreadableReport as error:
            results = {}
            failures = {}
            log += f"[{error}]\n"
            if done.timed_out:
                break
    loaded = not any(map(not_loaded, results))
    completed = done.returncode in (0, 1) and bool(results) and loaded
    return TestReport(
        results=results,
        failures=failures,
        completed=completed,
        cut=done.timed_out or (done.returncode == INTERRUPTED and loaded),
        said="" if completed else log[-MAX_SAID_CHARS:],
        seconds=done.seconds,
        log_key=await save(f"{label}.log", log),
    )


async def run_command(
    sandbox: Sandbox,
    workspace: Path,
    *,
    changes: Mapping[str, bytes | None],
    command: str,
    seconds: float,
) -> SandboxResult:
    """A shell command in the base commit's tree with ``changes``, as tests are run; what it writes is dropped.

    Raises:
        OSError: as run_suite.
    """
    local = Local.read(workspace)
    if local is None:
        raise OSError(f"no test environment in {workspace}")
    await _remake(sandbox, workspace, changes)
    return await sandbox.run(
        SandboxCommand(
            ("/bin/sh", "-c", command),
            cwd=workspace / "tree",
            writable=(workspace / "tree", workspace / "report"),
            readable=_readable(local, workspace),
            environment=local.environment(workspace),
            timeout=seconds,
        )
    )


def _readable(local: Local, workspace: Path) -> tuple[Path, ...]:
    return (*local.readable, *([workspace / "env"] if local.recipe.needs_environment else []))


async def _remake(sandbox: Sandbox, workspace: Path, changes: Mapping[str, bytes | None]) -> None:
    """``tree`` anew, with the changes. They are laid ready in a folder of ours; the sandbox copies them in, for
    installing or tests may have put links where we would write."""
    ready = workspace / "changes"
    shutil.rmtree(ready, ignore_errors=True)
    (ready / "new").mkdir(parents=True)
    for path, content in changes.items():
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or ".git" in parts or "\0" in path:
            raise ValueError(f"not a path of a change: {path!r}")
        if content is not None:
            file = (ready / "new").joinpath(*parts)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    (ready / "removed").write_bytes(
        b"".join(f"./{p}\0".encode() for p, content in changes.items() if content is None)
    )
    share(ready)
    await _scripted(
        sandbox, workspace, _REMAKE, ("tree", "report"), readable=(workspace / "prepared", ready)
    )


def share(folder: Path) -> None:
    """Let another user id read a folder that only this process has written, whatever the umask."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))


async def _scripted(
    sandbox: Sandbox,
    workspace: Path,
    script: str,
    writable: Sequence[str],
    readable: tuple[Path, ...] = (),
) -> None:
    folders = tuple(workspace / name for name in writable)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    command = SandboxCommand(
        ("/bin/sh", "-c", _EMPTY + script), cwd=workspace, writable=folders, readable=readable
    )
    done = await sandbox.run(command)
    if done.returncode != 0:
        raise OSError(f"the test tree could not be made: {done.output.strip()[-300:]}")
