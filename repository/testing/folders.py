"""The folders of a workspace that untrusted code can write.

    source     the base commit's files; written by this process
      | copied, then the repository is installed, which runs its code
      v
    env        the environment; tests read it
    prepared   the files after installation
      | copied for the first run; later, only what a run has touched (``listing`` tells)
      v
    tree       where tests run    <-- changes, the candidate's files; written by this process
      | tests run, and write
      v
    report     read by this process, which follows no link

Untrusted code writes ``env``, ``prepared``, ``tree`` and ``report``, so this process never writes
to them. A shell in the sandbox does, where links can't lead anywhere else.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from sandbox import Sandbox, SandboxCommand

#: Path of a file -> its new content; None removes it.
Changes = Mapping[str, bytes | None]

COPY = "cp -dR --preserve=mode,timestamps,links"
_EMPTY = """set -e
empty() { find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \\; ; find "$1" -mindepth 1 -delete; }
"""
_RESTORE = Path(__file__).with_name("restore_tree.sh").read_text()
_REBUILD = f"""empty report
{_RESTORE}
(cd tree && xargs -0 -r rm -rf -- < ../changes/removed)
cp -R --remove-destination changes/new/. tree/
"""


async def empty_folders(sandbox: Sandbox, workspace: Path, *names: str) -> None:
    """Empty folders of the workspace, creating them if necessary."""
    script = "".join(f"empty {name}\n" for name in names)
    await _run_script(sandbox, workspace, script, writable=names)


async def copy_folder(sandbox: Sandbox, workspace: Path, source: str, target: str) -> None:
    """Replace the content of the folder ``target`` with that of ``source``."""
    script = f"empty {target}\n{COPY} {source}/. {target}/"
    readable = (workspace / source,)
    await _run_script(sandbox, workspace, script, writable=(target,), readable=readable)


async def rebuild_tree(sandbox: Sandbox, workspace: Path, changes: Changes) -> None:
    """Rebuild ``tree`` from ``prepared`` with changes, and empty ``report``.

    Raises:
        ValueError: a changed path leads out of the tree.
    """
    folder = workspace / "changes"
    _write_changes(folder, changes)
    await _run_script(
        sandbox,
        workspace,
        _REBUILD,
        writable=("tree", "report", "listing"),
        readable=(workspace / "prepared", folder),
    )


def make_readable(folder: Path) -> None:
    """Let other users read a folder that only this process has written, whatever the umask."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        permissions = 0o755 if path.is_dir() else 0o644
        path.chmod(path.stat().st_mode | permissions)


def _write_changes(folder: Path, changes: Changes) -> None:
    """Write changes to a folder of this process; the sandbox copies them into the tree."""
    shutil.rmtree(folder, ignore_errors=True)
    new = folder / "new"
    new.mkdir(parents=True)
    removed: list[str] = []
    for path, content in changes.items():
        parts = _path_parts(path)
        if content is None:
            removed.append(f"./{path}\0")
            continue
        file = new.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (folder / "removed").write_bytes("".join(removed).encode())
    make_readable(folder)


def _path_parts(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    unsafe = path.startswith("/") or "\0" in path or ".." in parts or ".git" in parts
    if unsafe or not parts:
        raise ValueError(f"not a valid path for a change: {path!r}")
    return parts


async def _run_script(
    sandbox: Sandbox,
    workspace: Path,
    script: str,
    *,
    writable: Sequence[str],
    readable: tuple[Path, ...] = (),
) -> None:
    folders = tuple(workspace / name for name in writable)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    command = SandboxCommand(
        ("/bin/sh", "-c", _EMPTY + script),
        cwd=workspace,
        writable=folders,
        readable=readable,
    )
    result = await sandbox.run(command)
    if result.returncode != 0:
        reason = result.output.strip()[-300:] or result.describe_end()
        raise OSError(f"the test tree could not be built: {reason}")
