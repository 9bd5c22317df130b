"""Commands of git that talk to a remote."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from repository.git.process import Around, git_credentials, run_git
from repository.git.refusals import remote_failure
from repository.trusted_folders import trusting_config

_HEADS = "refs/heads/"


class Remote:
    """What a bare repository's git says to remotes, with the token for them."""

    def __init__(self, folder: Path, token: Callable[[], str | None], around: Around):
        self._folder = folder
        self._token = token
        self._around = around

    def run(
        self,
        command: str,
        *arguments: str,
        stdin: bytes = b"",
        config: Sequence[tuple[str, str]] = (),
        max_file_bytes: int | None = None,
    ) -> bytes:
        """Run ``fetch``, ``ls-remote`` or ``push``; return its output.

        The arguments after the command's own are those of ``run_git``.

        Raises:
            GitRefused: the remote refused, and a retry would not help.
            PushRejected: the branch is not at the expected commit, or a rule forbids the push.
            GitUnavailable: it failed otherwise.
        """
        with (
            self._around(command),
            git_credentials(self._token()) as secret,
            trusting_config() as variables,
        ):
            completed = run_git(
                [f"--git-dir={self._folder}", command, *arguments],
                cwd=self._folder,
                stdin=stdin,
                environment={**variables, **secret},
                config=config,
                max_file_bytes=max_file_bytes,
            )
        if completed.returncode != 0:
            output = completed.stderr.decode(errors="replace").strip()
            raise remote_failure(command, completed.returncode, output)
        return completed.stdout

    def branches(self, url: str, names: Collection[str]) -> dict[str, str]:
        """Return the current commit of each of these branches that exists."""
        refs = [f"{_HEADS}{name}" for name in names]
        commits: dict[str, str] = {}
        for line in (
            self.run("ls-remote", "--heads", url, *refs).decode(errors="replace").splitlines()
        ):
            sha, _, ref = line.partition("\t")
            # The patterns of ls-remote also match the end of a longer name.
            if ref in refs:
                commits[ref.removeprefix(_HEADS)] = sha
        return commits

    def has_branches(self, url: str) -> bool:
        """Return whether there is any branch."""
        return bool(self.run("ls-remote", "--heads", url).strip())
