"""Commands of git on one bare repository, none of which talks to a remote."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from repository.git.process import Around, run_git, stream_git
from repository.git.refusals import local_failure


class GitDirectory:
    """A bare repository's folder. Methods block; call them in threads."""

    def __init__(self, folder: Path, around: Around):
        """``around`` watches each command."""
        self.folder = folder.absolute()
        self._around = around

    def output(
        self,
        *arguments: str,
        stdin: bytes = b"",
        index: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run a command that must succeed; return its output.

        Args:
            arguments: the command and its arguments.
            stdin: what it reads.
            index: the file of a temporary index: see ``temporary_index``.
            environment: variables in addition to those of ``run_git``.

        Raises:
            DiskFull: it failed because a disk has no space left.
            GitError: it failed otherwise.
        """
        completed = self.run(*arguments, stdin=stdin, index=index, environment=environment)
        if completed.returncode == 0:
            return completed.stdout
        error = completed.stderr.decode(errors="replace").strip()
        raise local_failure(_command(arguments), completed.returncode, error)

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        index: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command that may fail: see ``output``."""
        variables = dict(environment or {})
        if index is not None:
            variables["GIT_INDEX_FILE"] = str(index)
        with self._around(_command(arguments)):
            return run_git(
                [f"--git-dir={self.folder}", *arguments],
                cwd=self.folder,
                stdin=stdin,
                environment=variables,
            )

    @contextmanager
    def streaming(self, *arguments: str) -> Iterator[IO[bytes]]:
        """Provide a command's output while it runs: see ``stream_git``."""
        command = [f"--git-dir={self.folder}", *arguments]
        with self._around(_command(arguments)), stream_git(command, cwd=self.folder) as output:
            yield output


@contextmanager
def temporary_index() -> Iterator[Path]:
    """Provide the path of an index that does not exist yet."""
    with tempfile.TemporaryDirectory(prefix="index-") as folder:
        yield Path(folder) / "index"


def _command(arguments: Sequence[str]) -> str:
    """Return the name of git's command, which may follow a --work-tree."""
    return arguments[2] if arguments[0] == "--work-tree" else arguments[0]
