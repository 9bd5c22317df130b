"""Artifacts in a local folder."""

import os
import tempfile
from pathlib import Path

from pipeline.artifacts import is_key, validate_key


class FolderArtifacts:
    """See ``pipeline.artifacts.Artifacts``."""

    def __init__(self, root: Path):
        self.root = root

    def put(self, key: str, data: bytes) -> None:
        """Write and sync a temporary file, then rename it, so the data is never partly there."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def get(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    def names(self, beginning: str) -> list[str]:
        if not self.root.is_dir():
            return []
        files = [path.name for path in self.root.iterdir() if path.is_file()]
        return sorted(name for name in files if name.startswith(beginning) and is_key(name))

    def address(self, key: str) -> str:
        return self._path(key).resolve().as_uri()

    def _path(self, key: str) -> Path:
        parts = validate_key(key).split("/")
        return self.root.joinpath(*parts)
