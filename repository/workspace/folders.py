"""The folders of a workspace, below the run's folder.

    tree, env             the tree and the environment in use, the test bed's or the workspace's:
                          an environment contains its own paths, so both must use the same ones
    aside/tree, aside/env the workspace's while it is not in place; closed to sandboxes
    aside/bed             the test bed's while the workspace is in place
    home, tmp             the workspace's home and temporary folders
    records/base          git's record of the tree as it was at the start
    records/snapshots     the files as of the last snapshot
    records/incoming      files that this process hands to a sandbox, which reads them
    seed                  the workspace's repository, as this process wrote it
    workspace.json        the workspace's state

Commands of a model write to ``tree``, ``env``, ``home`` and ``tmp`` only, and see nothing of the
rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_EXCHANGED = ("tree", "env")
_CLOSED = 0o700
_OPEN = 0o755


@dataclass(frozen=True)
class WorkspaceFolders:
    run: Path
    """The run's folder."""

    @property
    def tree(self) -> Path:
        return self.run / "tree"

    @property
    def env(self) -> Path:
        return self.run / "env"

    @property
    def home(self) -> Path:
        return self.run / "home"

    @property
    def temporary(self) -> Path:
        return self.run / "tmp"

    @property
    def aside(self) -> Path:
        return self.run / "aside"

    @property
    def _bed(self) -> Path:
        return self.aside / "bed"

    @property
    def seed(self) -> Path:
        return self.run / "seed"

    @property
    def records(self) -> Path:
        return self.run / "records"

    @property
    def base_record(self) -> Path:
        return self.records / "base"

    @property
    def snapshots(self) -> Path:
        return self.records / "snapshots"

    @property
    def incoming(self) -> Path:
        return self.records / "incoming"

    @property
    def writable(self) -> tuple[Path, ...]:
        """The folders that the commands of a model write to, while they are in place."""
        return (self.tree, self.env, self.home, self.temporary)

    def create(self) -> None:
        """Create the folders that don't exist yet."""
        self.put_back()
        for closed in (self.aside, self.records):
            closed.mkdir(mode=_CLOSED, exist_ok=True)
        for folder in (
            *self.writable,
            *(self.aside / name for name in _EXCHANGED),
            self._bed,
            self.base_record,
            self.snapshots,
            self.incoming,
        ):
            folder.mkdir(exist_ok=True)
            folder.chmod(_OPEN)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Swap the workspace's tree and environment with the test bed's until the block ends.

        A swap that failed halfway is undone, or completed by the next one.
        """
        try:
            self._put_in_place()
            yield
        finally:
            self.put_back()

    def _put_in_place(self) -> None:
        for name in _EXCHANGED:
            bed = self._bed / name
            if not bed.exists():
                _move(self.run / name, bed)
            if (self.aside / name).exists():
                _move(self.aside / name, self.run / name)

    def put_back(self) -> None:
        """Return the test bed's tree and environment to their place, if they are not there."""
        for name in _EXCHANGED:
            bed = self._bed / name
            if not bed.exists():
                continue
            if (self.run / name).exists():
                _move(self.run / name, self.aside / name)
            _move(bed, self.run / name)


def _move(source: Path, target: Path) -> None:
    # Code in the sandbox may have removed the permissions that moving a folder needs.
    source.chmod(_OPEN)
    source.rename(target)
