"""Running git: without the machine's or the user's configuration, and without prompts."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, cast
from urllib.request import getproxies_environment

from repository.git.commands import current_commands
from repository.git.errors import GitError, GitUnavailable
from repository.trusted_folders import config_variables, trust_settings

TIMEOUT_SECONDS = 900
FILE_BLOCK = 512
"""Bytes: the unit in which a limit on the size of files is given to a shell (POSIX, ulimit)."""
#: ``around(command)`` returns a context that is entered while git runs a command such as "fetch".
Around = Callable[[str], AbstractContextManager[object]]
_ASKPASS = """#!/bin/sh
case "$1" in Username*) echo x-access-token ;; *) printf '%s\\n' "$CODING_AGENT_GIT_TOKEN" ;; esac
"""
_LIMITED = 'ulimit -f "$0" && exec "$@"'
"""A shell's script that runs its arguments with a limit on the size of files."""
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "protocol.https.allow": "always",
    "protocol.http.allow": "always",
    "protocol.file.allow": "always",
    "fetch.fsckObjects": "false",
    # What is fetched stays one pack, to which a limit on the size of files applies.
    "fetch.unpackLimit": "1",
    "submodule.recurse": "false",
    # After a redirect, the askpass helper would give the token to whichever host asks.
    "http.followRedirects": "false",
    # Bytes per second and seconds: git gives up on a stalled connection after a minute.
    "http.lowSpeedLimit": "100",
    "http.lowSpeedTime": "60",
}
"""Configuration passed through the environment, so that a repository's own can't override it."""
_ENVIRONMENT = {
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
}
_INHERITED = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "SUDO_UID")
"""Variables of this process that git inherits, beside those of proxies. SUDO_UID lets root read the
repositories of the user who called sudo.
"""
_PROXIES = ("http", "https", "all", "no")


def run_git(
    arguments: list[str],
    *,
    cwd: Path,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    config: Sequence[tuple[str, str]] = (),
    max_file_bytes: int | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run git without the machine's or the user's configuration, and without prompts.

    Args:
        arguments: its arguments.
        cwd: its current folder.
        stdin: what it reads.
        environment: variables in addition to those that every git gets.
        config: settings in addition to those that every git gets.
        max_file_bytes: the size at which a file that it writes ends it; None for no limit.

    Raises:
        GitUnavailable: git took longer than ``TIMEOUT_SECONDS``, or the run was interrupted.
    """
    command = ["git", *arguments]
    if max_file_bytes is not None:
        command = ["sh", "-c", _LIMITED, str(max_file_bytes // FILE_BLOCK), *command]
    with current_commands().start(
        command,
        cwd=cwd,
        environment={**_environment(config), **(environment or {})},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            output, errors = process.communicate(stdin, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise GitUnavailable(f"git took longer than {TIMEOUT_SECONDS} seconds") from error
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


@contextmanager
def stream_git(arguments: list[str], *, cwd: Path) -> Iterator[IO[bytes]]:
    """Provide git's output while git runs; what is left of it is not waited for.

    For the arguments, see ``run_git``.

    Raises:
        GitError: git failed, and its output was read to the end.
        GitUnavailable: the run was interrupted.
    """
    with current_commands().start(
        ["git", *arguments],
        cwd=cwd,
        environment=_environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        output = cast(IO[bytes], process.stdout)
        yield output
        is_read = not output.read(1)
        if is_read and process.wait() != 0:
            raise GitError(f"git failed ({process.returncode})")


def _environment(config: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the variables that every git gets; for ``config``, see ``run_git``."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    variables = config_variables([*_CONFIG.items(), *trust_settings(), *config])
    return {**inherited, **_proxies(), **variables, **_ENVIRONMENT}


@contextmanager
def git_credentials(token: str | None) -> Iterator[dict[str, str]]:
    """Provide the environment in which an askpass helper gives git the token.

    Without a token, it is empty.
    """
    if not token:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="askpass-") as folder:
        helper = Path(folder) / "askpass"
        helper.write_text(_ASKPASS)
        helper.chmod(0o700)
        yield {"GIT_ASKPASS": str(helper), "CODING_AGENT_GIT_TOKEN": token}


def _proxies() -> dict[str, str]:
    """Return the proxies of this process, as the requests to GitHub's API use them.

    They are spelled in lower case, which git (curl) reads for every scheme; the upper-case name of
    the one for http is not read by it (https://curl.se/libcurl/c/CURLOPT_PROXY.html).
    """
    proxies = getproxies_environment()
    return {f"{scheme}_proxy": proxies[scheme] for scheme in _PROXIES if scheme in proxies}
