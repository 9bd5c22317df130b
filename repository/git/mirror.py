"""A bare mirror of a repository: fetching, reading and writing objects, pushing."""

import fcntl
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import IO

from repository.git.commands import current_commands
from repository.git.directory import GitDirectory, temporary_index
from repository.git.errors import MirrorBusy, PushRejected
from repository.git.fetching import Fetcher, promisor_config
from repository.git.objects import Entry, Identity
from repository.git.process import Around
from repository.git.reading import (
    contains_text,
    find_missing,
    has_more_files,
    list_blobs,
    list_files,
    list_paths,
    read_blobs,
    read_file,
)
from repository.git.remote import Remote
from repository.git.writing import apply_patch, write_commit, write_tree

#: Seconds that a fetch waits for another one in the same mirror. Then its run waits elsewhere: it
#: would keep a slot of the worker.
LOCK_SECONDS = 60.0
_LOCK_INTERVAL = 0.05
_STALE_LOCK_SECONDS = 60
_DIFF_OPTIONS = (
    "--full-index",
    "--binary",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
)


#: Refs that are neither branches nor tags: they start no checks, and nobody sees them.
_HIDDEN = "refs/coding-agent/"


class Mirror:
    """One bare repository. Methods block; call them in threads."""

    def __init__(
        self,
        folder: Path,
        token: Callable[[], str | None],
        around: Around = nullcontext,
        max_fetch_bytes: int | None = None,
    ):
        """Args:
        folder: where it is; it need not exist yet.
        token: returns the secret for the remote, or None if none is needed.
        around: watches each command of git.
        max_fetch_bytes: what one fetch may bring; None for no limit.
        """
        self.folder = folder.absolute()
        self._git = GitDirectory(self.folder, around)
        self._remote = Remote(self.folder, token, around)
        self._fetcher = Fetcher(self._git, self._remote, max_fetch_bytes)
        self._branches: Mapping[str, str] = {}

    def create(self) -> None:
        """Create the folder; complete a mirror whose creation was interrupted.

        One that is complete stays as it is, without what a killed git left behind.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # With the ``uid`` sandbox, code could otherwise read the commits after its base.
        self.folder.chmod(0o700)
        self._remove_leftovers()
        self._git.output("init", "--quiet", "--bare", "--initial-branch=main")

    def fetch(
        self,
        url: str,
        branches: Collection[str] = (),
        *,
        sha: str | None = None,
        partial: bool = False,
    ) -> None:
        """Bring branches of the mirror up to date with ``url``, with the tags on their commits.

        Args:
            url: the repository.
            branches: their names; those that don't exist are left out.
            sha: a commit that is fetched, too, if it is not here.
            partial: leave out the contents of files: see ``fetch_contents``. A mirror that is
                partial stays so.
        """
        with self._locked():
            self.create()
            partial = partial or self.is_partial()
            self._branches = self._fetcher.fetch_branches(url, branches, partial=partial)
            if sha and not self.has(sha):
                self._fetcher.fetch_commit(url, sha, partial=partial)

    def fetch_contents(self, url: str, sha: str, paths: Sequence[str] = ()) -> None:
        """Fetch the contents that the files of a commit lack here.

        With ``paths``, only those of these files.
        """
        if not self.is_partial():
            return
        with self._locked():
            self._fetcher.fetch_contents(url, sha, paths)

    def has(self, sha: str) -> bool:
        """Return whether the mirror has a commit; False if there is no mirror yet."""
        if not self.folder.is_dir():
            return False
        return self._git.run("cat-file", "-e", f"{sha}^{{commit}}").returncode == 0

    def has_contents(self, sha: str) -> bool:
        """Return whether the mirror has a commit with the contents of all its files."""
        if not self.has(sha):
            return False
        return not self.is_partial() or not find_missing(self._git, list_blobs(self._git, sha))

    def is_partial(self) -> bool:
        """Return whether the contents of files may be missing."""
        return any((self.folder / "objects/pack").glob("*.promisor"))

    def branch(self, name: str) -> str | None:
        """Return a branch's commit as of this object's last fetch; None if there is no branch."""
        return self._branches.get(name)

    def commit_time(self, sha: str) -> int:
        """Return the committer date of a commit, in seconds since the epoch."""
        return int(self._git.output("show", "--no-patch", "--format=%ct", sha).strip())

    def tree_of(self, sha: str) -> str:
        """Return the SHA of a commit's tree."""
        return self._git.output("rev-parse", "--verify", f"{sha}^{{tree}}").decode().strip()

    def subjects(self, sha: str, count: int) -> list[str]:
        """Return the first lines of the newest messages up to a commit, without merges."""
        arguments = ("--no-merges", "--format=%s", f"--max-count={count}", sha)
        output = self._git.output("log", "-z", *arguments)
        return [line.decode(errors="replace") for line in output.split(b"\0") if line]

    def describe(self, sha: str) -> str | None:
        """Return the output of ``git describe``: the newest reachable tag; None without tags."""
        completed = self._git.run("describe", "--tags", "--long", sha)
        if completed.returncode != 0:
            return None
        return completed.stdout.decode(errors="replace").strip()

    def has_more_files(self, treeish: str, count: int) -> bool:
        """Return whether a commit or tree has more files than ``count``; ask it before the rest
        about a commit that may be hostile: see ``repository.git.reading.has_more_files``.
        """
        return has_more_files(self._git, treeish, count)

    def paths(self, treeish: str) -> list[str]:
        """Return the path of every file; of a partial mirror's commits, too."""
        return list_paths(self._git, treeish)

    def files(self, treeish: str) -> list[Entry]:
        """Return every file of a commit or tree, except those whose path is not UTF-8."""
        return list_files(self._git, treeish)

    def read_many(self, shas: list[str]) -> Iterator[bytes]:
        """Return the contents of blobs, in order.

        Raises:
            GitError: there is no such object.
        """
        return read_blobs(self._git, shas)

    def read(self, treeish: str, path: str) -> bytes | None:
        """Return one file's bytes; None if there is no regular file with that path."""
        return read_file(self._git, treeish, path)

    def contains(self, treeish: str, text: str, *, words: bool = False) -> bool:
        """Return whether a text file of a commit or tree contains ``text``.

        With ``words``, it must begin and end at the border of a word.
        """
        return contains_text(self._git, treeish, text, words=words)

    def export(self, treeish: str, folder: Path) -> None:
        """Write the files of a tree into an empty folder, without a ``.git``."""
        folder.mkdir(parents=True, exist_ok=True)
        work_tree = ("--work-tree", str(folder.absolute()))
        with temporary_index() as index:
            self._git.output("read-tree", treeish, index=index)
            self._git.output(
                *work_tree, "checkout-index", "--all", "--force", "--quiet", index=index
            )

    def write_tree(
        self,
        base: str,
        changes: Mapping[str, bytes | None],
        executable: Mapping[str, bool] = MappingProxyType({}),
    ) -> str:
        """Write the tree of ``base`` with changes applied; return its SHA.

        See ``repository.git.writing.write_tree``.
        """
        return write_tree(self._git, base, changes, executable)

    def diff(self, old: str, new: str, paths: Sequence[str] = ()) -> bytes:
        """Return a patch that ``git apply`` accepts; the same trees always give the same patch.

        With ``paths``, it only has the changes to these files.
        """
        options = ("--src-prefix=a/", "--dst-prefix=b/", *_DIFF_OPTIONS)
        return self._git.output("diff-tree", "-r", "-p", *options, old, new, "--", *paths)

    def apply(self, base: str, patch: bytes) -> str:
        """Write the tree of ``base`` with a patch from ``diff`` applied; return its SHA.

        Raises:
            GitError: the patch does not apply.
        """
        return apply_patch(self._git, base, patch)

    def pack_size(self) -> int:
        """Return the number of bytes of all packs."""
        packs = (self.folder / "objects/pack").glob("*.pack")
        return sum(pack.stat().st_size for pack in packs)

    def is_shallow(self) -> bool:
        """Return whether the history is cut off."""
        return (self.folder / "shallow").exists()

    def write_pack(self, sha: str, folder: Path) -> None:
        """Write a pack with a commit and everything that it refers to, and nothing else."""
        arguments = ("pack-objects", "--revs", "--quiet", str(folder / "pack"))
        self._git.output(*arguments, stdin=f"{sha}\n".encode())

    def commit(
        self, tree: str, parent: str | None, message: str, author: Identity, seconds: int
    ) -> str:
        """Write a commit; return its SHA, which is the same for the same arguments.

        ``author`` is also the committer. ``seconds`` since the epoch are the date of both, in UTC.
        """
        return write_commit(self._git, tree, parent, message, author, seconds)

    def push(self, url: str, sha: str, branch: str, *, expected: str | None) -> None:
        """Move ``branch`` from ``expected`` (None: it must not exist) to ``sha``.

        A rejection is checked against the branch itself, which may be at ``sha`` nevertheless.

        Raises:
            PushRejected: the branch is at another commit (see ``remote_branch``), or the remote's
                rules forbid the push.
            GitRefused, GitUnavailable: it is unknown whether the branch has moved.
        """
        lease = f"--force-with-lease=refs/heads/{branch}:{expected or ''}"
        refspec = f"{sha}:refs/heads/{branch}"
        arguments = ("push", "--quiet", "--no-verify", lease, url, refspec)
        try:
            self._remote.run(*arguments, config=self._push_config(url))
        except PushRejected:
            # Curl repeats a request whose reply was lost, and the remote rejects the repetition.
            if self.remote_branch(url, branch) != sha:
                raise

    def push_hidden(self, url: str, sha: str, name: str) -> None:
        """Push a commit to a ref of ours that is no branch, so that its objects are there.

        Raises:
            PushRejected, GitRefused, GitUnavailable: it was not pushed, or that is unknown.
        """
        refspec = f"+{sha}:{_HIDDEN}{name}"
        arguments = ("push", "--quiet", "--no-verify", url, refspec)
        self._remote.run(*arguments, config=self._push_config(url))

    def delete_hidden(self, url: str, name: str) -> None:
        """Delete what ``push_hidden`` has pushed. Raises what it raises."""
        self._remote.run("push", "--quiet", "--no-verify", url, f":{_HIDDEN}{name}")

    def _push_config(self, url: str) -> list[tuple[str, str]]:
        """Return the settings of a push.

        A partial mirror can only send what the remote lacks, so git asks which commits it has, even
        if its branches have moved since the fetch; contents that are needed all the same are
        fetched.
        """
        return [*promisor_config(url), ("push.negotiate", "true")] if self.is_partial() else []

    def remote_branch(self, url: str, branch: str) -> str | None:
        """Return the current commit of the remote's branch; None if there is no such branch."""
        return self._remote.branches(url, [branch]).get(branch)

    def remote_has_branches(self, url: str) -> bool:
        """Return whether the remote has any branch."""
        return self._remote.has_branches(url)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Allow one fetch at a time in this mirror, across all processes of the machine.

        Raises:
            MirrorBusy: another fetch took longer than ``LOCK_SECONDS``.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".lock").open("w") as file:
            deadline = time.monotonic() + LOCK_SECONDS
            while not _try_lock(file):
                if time.monotonic() >= deadline:
                    raise MirrorBusy("another run is fetching this repository")
                current_commands().wait(_LOCK_INTERVAL)
            yield

    def _remove_leftovers(self) -> None:
        """Remove what a killed git left: locks, which would make every later fetch fail, and
        unfinished packs, which would fill the disk.

        The caller holds the mirror's own lock.
        """
        leftovers = [*self.folder.glob("*.lock"), *(self.folder / "refs").rglob("*.lock")]
        leftovers += (self.folder / "objects/pack").glob("tmp_*")
        for file in leftovers:
            if time.time() - file.stat().st_mtime > _STALE_LOCK_SECONDS:
                file.unlink()


def _try_lock(file: IO[str]) -> bool:
    """Take the lock on a file, if nobody else has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
