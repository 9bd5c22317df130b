"""Asking a remote whether a branch could be pushed to it, without changing anything there."""

import tempfile
from contextlib import nullcontext
from pathlib import Path

from repository.git.errors import GitRefused, GitUnauthorized
from repository.git.mirror import Mirror
from repository.git.objects import Identity
from repository.git.remote import Remote

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The tree without files, which every git knows."""
_NOBODY = Identity("coding-agent", "coding-agent@localhost")


def find_push_refusal(url: str, branch: str, token: str | None) -> str | None:
    """Return why the branch can't be pushed, with what to do about it; None if it can be.

    It makes one dry push: git asks ``git-receive-pack`` with the same credentials, proxy and
    certificates as a push, and sends nothing. Rules for branches are not known to it.

    Raises:
        GitUnauthorized: the credentials themselves are refused.
        GitUnavailable: there was no answer.
    """
    with tempfile.TemporaryDirectory(prefix="push-check-") as name:
        folder = Path(name)
        mirror = Mirror(folder, lambda: token)
        remote = Remote(folder, lambda: token, nullcontext)
        mirror.create()
        commit = mirror.commit(_EMPTY_TREE, None, "A dry push", _NOBODY, 0)
        refspec = f"{commit}:refs/heads/{branch}"
        try:
            remote.run("push", "--dry-run", "--force", "--no-verify", url, refspec)
            conflict = _find_conflict(remote, url, branch)
        except GitUnauthorized:
            raise
        except GitRefused as error:
            return str(error)
    if conflict is None:
        return None
    return f"its branch {conflict} makes the name {branch} impossible: rename or delete it"


def _find_conflict(remote: Remote, url: str, branch: str) -> str | None:
    """Return a branch beside which ``branch`` can't exist: git has no file in place of a folder."""
    parts = branch.split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts))]
    patterns = [f"refs/heads/{name}" for name in [*above, f"{branch}/*"]]
    output = remote.run("ls-remote", "--heads", url, *patterns)
    for line in output.decode(errors="replace").splitlines():
        name = line.partition("\t")[2].removeprefix("refs/heads/")
        # ls-remote's patterns also match the end of a longer name.
        if name in above or name.startswith(f"{branch}/"):
            return name
    return None
