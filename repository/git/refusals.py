"""What the output of a failed command that talks to a remote means: try again, or give up.

git has no error codes: the messages are those of git 2.30 to 2.51 in the C locale.
"""

import re
from dataclasses import dataclass

from repository.git.errors import (
    DiskFull,
    GitError,
    GitRefused,
    GitUnauthorized,
    GitUnavailable,
    PushRejected,
    RefNotFound,
)

MAX_OUTPUT = 2_000
"""Maximum number of characters of git's output in an error."""
_MAX_DETAIL = 300
"""Maximum number of characters of the remote's own words in a refusal."""

_PUSH_REJECTED = re.compile(
    r"\[rejected\]|stale info|cannot lock ref|failed to update ref|reference already exists"
    # Rejection by a rule of the remote (a protected branch, a token without the workflow scope), as
    # opposed to a failure of the remote. In an outage, GitHub says "fatal error in commit_refs",
    # and "(failure)" of the branch (https://github.com/desktop/desktop/issues/16398).
    r"|\[remote rejected\](?!.*\((?i:internal|failure\)|.*time))"
)
#: Another push to the same branch is in progress at the remote, perhaps one whose reply was lost.
_REMOTE_BUSY = re.compile(r"Unable to create '[^']*\.lock'")
_HTTP_STATUS = re.compile(r"(?:requested URL returned error: |RPC failed; HTTP )(\d{3})")
_TEMPORARY_STATUSES = (408, 425, 429)
#: GitHub limits the rate of requests with a 403, too.
_RATE_LIMIT = re.compile(r"(?i)rate limit|abuse detection|too many requests")
_UNAUTHORIZED = re.compile(r"Authentication failed for|could not read (?:Username|Password) for")
#: GitHub's words if it is the token, or its person, that lacks a right.
_LACKS_RIGHT = re.compile(r"(?i)write access|permission to \S+ denied|not accessible")
#: The system's words for ENOSPC and EDQUOT in the C locale.
_DISK_FULL = re.compile("No space left on device|Disk quota exceeded")
_REF_NOT_FOUND = re.compile(r"couldn't find remote ref")
_NOT_FOUND = re.compile(r"repository '.*' not found")

_NO_CREDENTIALS = (
    "GitHub refused the credentials (401): check GITHUB_TOKEN, or GITHUB_APP_ID and"
    " GITHUB_APP_PRIVATE_KEY"
)
_NO_REPOSITORY = "the repository does not exist, or the token can't see it (404)"
_NO_WRITE_ACCESS = (
    "the token may not push to it (403): give it write access (Contents: write), or set"
    " CODING_AGENT_PUSH=fork"
)
_NO_READ_ACCESS = "the token may not read it (403): give it Contents: read"


@dataclass(frozen=True)
class _Refusal:
    """A message of git, and what it means for people."""

    pattern: re.Pattern[str]
    sentence: str


_REFUSALS = (
    _Refusal(
        re.compile(
            r"mismatched algorithms|unsupported object format|unknown object format"
            r"|does not support this repository's hash algorithm"
        ),
        "it is a repository with SHA-256 object names, which is not supported: convert it to SHA-1",
    ),
    _Refusal(
        re.compile(r"(?i)does not appear to be a git repository|not a git repository"),
        "there is no git repository at its address",
    ),
    _Refusal(
        re.compile(r"not our ref|unadvertised object"),
        "the commit is no longer in the repository (a force-push removed it): replay the job from"
        " its first stage",
    ),
    _Refusal(
        re.compile(r"detected dubious ownership"),
        "its folder belongs to another user: git config --global --add safe.directory FOLDER",
    ),
    _Refusal(
        re.compile(r"transport '.*' not allowed|(?i:unable to find remote helper)"),
        "its address has a scheme that is not supported: use https",
    ),
    _Refusal(
        re.compile(r"insufficient permission for adding an object|unpacker error.*(?i:denied)"),
        "its folder is not writable: change its owner or its mode",
    ),
)


def local_failure(command: str, returncode: int, output: str) -> GitError | DiskFull:
    """Return the error for a command that talked to no remote and failed."""
    message = _message(command, returncode, output)
    return DiskFull(message) if _DISK_FULL.search(output) else GitError(message)


def remote_failure(
    command: str, returncode: int, output: str
) -> GitRefused | GitUnavailable | PushRejected:
    """Return the error for a command that talked to a remote and failed.

    Args:
        command: ``fetch``, ``ls-remote`` or ``push``.
        output: the command's standard error.
    """
    message = _message(command, returncode, output)
    if _DISK_FULL.search(output):
        return DiskFull(message)
    if command == "push" and _is_rejection(output):
        return PushRejected(message)
    if _REF_NOT_FOUND.search(output):
        return RefNotFound(message)
    sentence = _find_refusal(command, output)
    if sentence is None:
        return GitUnavailable(message)
    kind = GitUnauthorized if sentence is _NO_CREDENTIALS else GitRefused
    refusal = kind(sentence + _remote_words(output))
    refusal.__cause__ = GitError(message)
    return refusal


def _message(command: str, returncode: int, output: str) -> str:
    return f"git {command} failed ({returncode}): {output[-MAX_OUTPUT:]}"


def _is_rejection(output: str) -> bool:
    """Return whether git's output says that a push was rejected, rather than that it failed."""
    return bool(_PUSH_REJECTED.search(output)) and not _REMOTE_BUSY.search(output)


def _find_refusal(command: str, output: str) -> str | None:
    """Return why a retry would not help; None if it may."""
    for refusal in _REFUSALS:
        if refusal.pattern.search(output):
            return refusal.sentence
    if _UNAUTHORIZED.search(output):
        return _NO_CREDENTIALS
    if _NOT_FOUND.search(output):
        return _NO_REPOSITORY
    match = _HTTP_STATUS.search(output)
    return None if match is None else _refusal_of_status(int(match[1]), command, output)


def _refusal_of_status(status: int, command: str, output: str) -> str | None:
    if not 300 <= status < 500 or status in _TEMPORARY_STATUSES or _RATE_LIMIT.search(output):
        return None
    if status == 401:
        return _NO_CREDENTIALS
    if status == 403 and (_LACKS_RIGHT.search(output) or not _remote_words(output)):
        return _NO_WRITE_ACCESS if command == "push" else _NO_READ_ACCESS
    if status in (404, 410):
        return _NO_REPOSITORY
    if status < 400:
        return f"its address redirects to another one ({status}): send the issue's new address"
    return f"GitHub refuses it ({status})"


def _remote_words(output: str) -> str:
    """Return what the remote itself says, in brackets; empty if it says nothing."""
    words = []
    for line in output.splitlines():
        if line.startswith("remote:"):
            words += line.removeprefix("remote:").split()
    text = re.sub("[{}]", "", " ".join(words))
    return f" (GitHub: {text[:_MAX_DETAIL]})" if text else ""
