"""The state of a workspace, in a file that no sandbox can write."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from repository.workspace.models import History

_FILE = "workspace.json"


class WorkspaceState(BaseModel):
    model_config = ConfigDict(frozen=True)

    base_sha: str
    history: History
    snapshots: tuple[str, ...] = ()
    """SHA-256 of each snapshot that was taken or restored, in order, except empty ones."""
    changed: bool = False
    """Whether a command may have changed anything since the last of them."""

    @classmethod
    def read(cls, folder: Path) -> "WorkspaceState | None":
        """Read the state of the workspace in a run's folder; None if there is no workspace."""
        file = folder / _FILE
        if not file.exists():
            return None
        return cls.model_validate_json(file.read_text())

    @staticmethod
    def remove(folder: Path) -> None:
        (folder / _FILE).unlink(missing_ok=True)

    def write(self, folder: Path) -> None:
        (folder / _FILE).write_text(self.model_dump_json())
