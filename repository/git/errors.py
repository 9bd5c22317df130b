"""How a git command can fail."""


class GitError(Exception):
    """A git command failed; the message contains git's own."""


class GitUnavailable(Exception):
    """The remote could not be reached, git took too long, or the run was interrupted; a retry may
    succeed.
    """


class MirrorBusy(GitUnavailable):
    """Another run has been fetching the same repository for long."""


class DiskFull(GitUnavailable):
    """A disk has no space left: this machine's, or that of the remote."""


class RefNotFound(GitUnavailable):
    """The remote has no branch of that name, or not any more."""


class PushRejected(GitError):
    """The branch is not at the expected commit, or the remote's rules forbid the push."""


class GitRefused(GitError):
    """The remote refused for a reason that a retry does not change.

    The message is one sentence, with what to do about it.
    """


class GitUnauthorized(GitRefused):
    """The remote refused the credentials themselves."""
