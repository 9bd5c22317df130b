"""Trees for test runs: each begins as the prepared files, with the changes of its run."""

import mmap
import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from repository.testing.folders import rebuild_tree
from sandbox import Sandbox, SandboxCommand
from tests.stages.workbench import make_sandbox

#: The file systems on which only what was touched is copied again.
RECORDING = ("ext2/ext3", "xfs", "btrfs", "overlayfs")
FILES = {"a/one.js": "1", "a/two.js": "2", "b/one.js": "3", "b/deep/x.js": "4", "top.js": "5"}


def file_system(folder: Path) -> str:
    return subprocess.run(
        ["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True
    ).stdout.strip()


class Workspace:
    """A workspace with prepared files, in which one user id writes."""

    def __init__(self, folder: Path, sandbox: Sandbox):
        self.folder = folder
        self.tree = folder / "tree"
        self._sandbox = sandbox
        for path, text in FILES.items():
            self.write("prepared", path, text)
        (folder / "prepared/empty").mkdir()
        (folder / "prepared/link").symlink_to("a")

    def write(self, root: str, path: str, text: str) -> None:
        file = self.folder / root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def rebuild(self, changes: dict[str, bytes | None]) -> None:
        await rebuild_tree(self._sandbox, self.folder, changes)

    async def run(self, script: str) -> None:
        """Run a script in the tree, as tests are run."""
        writable = (self.tree, self.folder / "report")
        command = SandboxCommand(("/bin/sh", "-ec", script), self.tree, writable)
        result = await self._sandbox.run(replace(command, run_folder=self.folder))
        assert result.returncode == 0, result.output

    def state(self, root: str) -> dict[str, object]:
        """Return path -> mode, time and content of all files."""
        found: dict[str, object] = {}
        folder = self.folder / root
        for path in (folder, *sorted(folder.rglob("*"))):
            status = path.lstat()
            content = os.readlink(path) if path.is_symlink() else ""
            if not content and path.is_file():
                content = path.read_text()
            key = str(path.relative_to(folder))
            found[key] = (oct(status.st_mode), status.st_mtime_ns, content)
        return found


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, make_sandbox())


#: Does to a tree what hides best that its files are no longer the prepared ones.
VANDAL = """
touch -r top.js ../report/time; echo 6 > top.js; touch -r ../report/time top.js
mv a c; mv b a; mv c b
ln -sfn b link
rmdir empty
mkdir -p "$(printf 'new folder\n/deep')"; touch "$(printf 'new folder\n/deep/-x')"
chmod 500 a/deep
"""


async def test_what_a_run_has_touched_is_restored(workspace: Workspace) -> None:
    await workspace.rebuild({"a/one.js": b"changed", "b/deep/x.js": None, "d/new.js": b""})
    assert (workspace.tree / "a/one.js").read_text() == "changed"
    assert not (workspace.tree / "b/deep/x.js").exists()
    await workspace.rebuild({})
    assert workspace.state("tree") == workspace.state("prepared")
    await workspace.run(VANDAL)
    assert workspace.state("tree") != workspace.state("prepared")
    await workspace.rebuild({})
    assert workspace.state("tree") == workspace.state("prepared")


async def test_files_that_were_prepared_again_are_copied_again(workspace: Workspace) -> None:
    await workspace.rebuild({})
    workspace.write("prepared", "top.js", "7")
    await workspace.rebuild({})
    assert workspace.state("tree") == workspace.state("prepared")


async def test_what_no_run_has_touched_stays(workspace: Workspace) -> None:
    if file_system(workspace.folder) not in RECORDING:
        pytest.skip("everything is copied again on this file system")
    await workspace.rebuild({"a/one.js": b"9"})
    untouched = (workspace.tree / "a/two.js").stat().st_ino
    await workspace.rebuild({})
    assert (workspace.tree / "a/two.js").stat().st_ino == untouched
    assert (workspace.tree / "a/one.js").read_text() == FILES["a/one.js"]


async def test_a_named_pipe_is_made_again_and_never_read(workspace: Workspace) -> None:
    os.mkfifo(workspace.folder / "prepared/pipe")
    await workspace.rebuild({})
    await workspace.run("rm pipe")
    await workspace.rebuild({})
    assert (workspace.tree / "pipe").is_fifo()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="/dev/shm is Linux's tmpfs")
async def test_a_mapped_file_of_a_tmpfs_is_restored() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        workspace = Workspace(Path(folder), make_sandbox())
        await workspace.rebuild({})
        change_time = (workspace.tree / "top.js").stat().st_ctime_ns
        with (workspace.tree / "top.js").open("r+b") as file, mmap.mmap(file.fileno(), 0) as text:
            assert text[:] == b"5"
            text[:] = b"6"
        assert (workspace.tree / "top.js").stat().st_ctime_ns == change_time
        await workspace.rebuild({})
        assert (workspace.tree / "top.js").read_text() == "5"
