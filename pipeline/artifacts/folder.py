"""Artifacts in a folder of this machine."""

import os
import tempfile
from pathlib import Path

from pipeline.artifacts import checked


class FolderArtifacts:
    def __init__(self, root: Path):
        self.root = root

    def put(self, key: str, data: bytes) -> None:
        """Write all of it or nothing: to a temporary file first, synced, then renamed."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def get(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    def address(self, key: str) -> str:
        return self._path(key).resolve().as_uri()

    def _path(self, key: str) -> Path:
        return self.root.joinpath(*checked(key).split("/"))
