"""Messages for the model if one of the workspace's own programs fails."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from repository.workspace.executor import SandboxExecutor
from repository.workspace.files import list_folder, read_file, write_file
from repository.workspace.folders import WorkspaceFolders
from sandbox import SandboxCommand, SandboxResult

ENDS = (
    (SandboxResult(47, "", False, 0.1), "permission denied"),
    (SandboxResult(2, "", False, 0.1), "exit code 2"),
    (SandboxResult(124, "the beginning", True, 60.0), "it exceeded its time limit"),
    (SandboxResult(137, "[sandbox: ended]", False, 1.0, "memory"), "it exceeded its memory limit"),
    (SandboxResult(137, "", False, 1.0, "its monitor was stopped"), "its monitor was stopped"),
)


@dataclass
class EndingSandbox:
    """Each command ends like this."""

    result: SandboxResult
    name: str = "ending"

    def path_inside(self, run_folder: Path) -> Path:
        return run_folder

    async def run(self, command: SandboxCommand) -> SandboxResult:
        return self.result


@pytest.mark.parametrize(("result", "reason"), ENDS, ids=[reason for _, reason in ENDS])
async def test_a_failure_names_its_own_cause(
    result: SandboxResult, reason: str, tmp_path: Path
) -> None:
    folders = WorkspaceFolders(tmp_path)
    folders.create()
    executor = SandboxExecutor(EndingSandbox(result), folders, None)
    for failing in (read_file(executor, "a.py", 10), list_folder(executor, "a")):
        with pytest.raises(ValueError) as failure:
            await failing
        assert str(failure.value).endswith(f" can't be read: {reason}")
    if reason != "permission denied":
        with pytest.raises(ValueError, match=f"a.py can't be written: {reason}"):
            await write_file(executor, "a.py", b"")
