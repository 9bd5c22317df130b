"""Running a git command that talks to a remote."""

from pathlib import Path

from repository.git.process import git_credentials, run_git
from repository.git.refusals import remote_failure
from repository.trusted_folders import trusting_config


def run_remote(folder: Path, token: str | None, command: str, *arguments: str) -> bytes:
    """Run ``fetch``, ``ls-remote`` or ``push`` in a bare repository; return its output.

    Raises:
        GitRefused: the remote refused, and a retry would not help.
        PushRejected: the branch is not at the expected commit, or a rule forbids the push.
        GitUnavailable: it failed otherwise.
    """
    with git_credentials(token) as secret, trusting_config() as variables:
        completed = run_git(
            [f"--git-dir={folder}", command, *arguments],
            cwd=folder,
            environment={**variables, **secret},
        )
    if completed.returncode != 0:
        output = completed.stderr.decode(errors="replace").strip()
        raise remote_failure(command, completed.returncode, output)
    return completed.stdout
