"""A bare mirror of a repository: fetching, reading and writing objects, pushing."""

import fcntl
import hashlib
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType

from repository.git.errors import GitError, PushRejected
from repository.git.objects import EXECUTABLE, NOT_EXECUTABLE, REGULAR_MODES, Entry, Identity
from repository.git.process import Around, run_git
from repository.git.refusals import MAX_OUTPUT
from repository.git.remote import run_remote

_STALE_LOCK_SECONDS = 60
_NO_OBJECT = "0" * 40
"""Stands in an index for the absence of a file."""
_DIFF_OPTIONS = (
    "--full-index",
    "--binary",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
)


class Mirrors:
    """A folder with one bare mirror for each repository."""

    def __init__(
        self,
        root: Path,
        token: Callable[[str], str | None],
        around: Around = nullcontext,
    ):
        """Args:
        root: the folder.
        token: returns the secret for a repository's remote, or None if none is needed.
        around: watches each command of git.
        """
        self._root = root
        self._token = token
        self._around = around

    def at(self, repository: str) -> "Mirror":
        """Return the mirror of a repository; it need not exist yet."""
        name = re.sub(r"[^a-z0-9._-]+", "__", repository.lower())
        folder = self._root / f"{name}.git"
        return Mirror(folder, lambda: self._token(repository), self._around)


class Mirror:
    """One bare repository. Methods block; call them in threads."""

    def __init__(self, folder: Path, token: Callable[[], str | None], around: Around = nullcontext):
        self._around = around
        self.folder = folder.absolute()
        self._token = token
        self._refs = "refs/remotes/none"

    def create(self) -> None:
        """Create the folder; complete a mirror whose creation was interrupted.

        One that is complete stays as it is, without the locks of a killed git.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # With the ``uid`` sandbox, code could otherwise read the commits after its base.
        self.folder.chmod(0o700)
        self._remove_stale_locks()
        self._git("init", "--quiet", "--bare", "--initial-branch=main")

    def fetch(self, url: str, *, sha: str | None = None) -> None:
        """Bring the mirror's branches up to date with ``url``.

        ``sha`` is fetched, too, if no branch contains it.
        """
        # Local repositories in folders of the same name share a mirror, but must not share
        # branches.
        remote = hashlib.sha256(url.encode()).hexdigest()[:16]
        self._refs = f"refs/remotes/{remote}"
        with self._locked():
            self.create()
            # A local repository may be shallow; without --update-shallow its branches would be
            # skipped.
            fetch = ("fetch", "--quiet", "--no-tags", "--force", "--update-shallow")
            self._remote(*fetch, "--prune", url, f"+refs/heads/*:{self._refs}/*")
            self._remote(*fetch, url, "+refs/tags/*:refs/tags/*")
            if sha and not self.has(sha):
                self._remote(*fetch, url, sha)

    def has(self, sha: str) -> bool:
        """Return whether the mirror has a commit; False if there is no mirror yet."""
        if not self.folder.is_dir():
            return False
        completed = self._run(["cat-file", "-e", f"{sha}^{{commit}}"])
        return completed.returncode == 0

    def branch(self, name: str) -> str | None:
        """Return a branch's commit as of this object's last fetch; None if there is no branch."""
        commit = f"{self._refs}/{name}^{{commit}}"
        completed = self._run(["rev-parse", "--verify", "--quiet", commit])
        return completed.stdout.decode().strip() if completed.returncode == 0 else None

    def has_branches(self) -> bool:
        """Return whether this object's last fetch found any branch."""
        return bool(self._git("for-each-ref", "--count=1", self._refs).strip())

    def commit_time(self, sha: str) -> int:
        """Return the committer date of a commit, in seconds since the epoch."""
        return int(self._git("show", "--no-patch", "--format=%ct", sha).strip())

    def tree_of(self, sha: str) -> str:
        """Return the SHA of a commit's tree."""
        return self._git("rev-parse", "--verify", f"{sha}^{{tree}}").decode().strip()

    def describe(self, sha: str) -> str | None:
        """Return the output of ``git describe``: the newest reachable tag; None without tags."""
        completed = self._run(["describe", "--tags", "--long", sha])
        if completed.returncode != 0:
            return None
        return completed.stdout.decode(errors="replace").strip()

    def files(self, treeish: str) -> list[Entry]:
        """Return every file of a commit or tree, except those whose path is not UTF-8."""
        entries: list[Entry] = []
        for line in self._git("ls-tree", "-r", "-l", "-z", treeish).split(b"\0"):
            if not line:
                continue
            meta, _, name = line.partition(b"\t")
            try:
                path = name.decode()
            except UnicodeDecodeError:
                continue
            mode, _, sha, size = meta.decode().split()
            entries.append(Entry(mode, sha, int(size) if size.isdigit() else 0, path))
        return entries

    def read_many(self, shas: list[str]) -> Iterator[bytes]:
        """Return the contents of blobs, in order.

        Raises:
            GitError: there is no such object.
        """
        if not shas:
            return
        names = "".join(f"{sha}\n" for sha in shas)
        output = self._git("cat-file", "--batch", stdin=names.encode())
        at = 0
        for _ in shas:
            line_end = output.index(b"\n", at)
            header = output[at:line_end]
            if len(header.split()) != 3:
                raise GitError(f"no such object: {header.decode(errors='replace')}")
            start = line_end + 1
            end = start + int(header.split()[2])
            yield output[start:end]
            at = end + 1

    def read(self, treeish: str, path: str) -> bytes | None:
        """Return one file's bytes; None if there is no regular file with that path."""
        if not _is_writable(path):
            return None
        listing = self._git("ls-tree", "-z", treeish, "--", path)
        for line in listing.split(b"\0"):
            meta, _, name = line.partition(b"\t")
            if name != path.encode():
                continue
            mode, _, sha = meta.decode().split()
            if mode in REGULAR_MODES:
                return self._git("cat-file", "blob", sha)
        return None

    def contains(self, treeish: str, text: str, *, words: bool = False) -> bool:
        """Return whether a text file of a commit or tree contains ``text``.

        With ``words``, it must begin and end at the border of a word.
        """
        pattern = text.replace("\0", "")
        options = ["-w"] if words else []
        completed = self._run(["grep", "--quiet", "-I", "-F", *options, "-e", pattern, treeish])
        if completed.returncode > 1:
            error = completed.stderr.decode(errors="replace")
            raise GitError(f"git grep failed: {error[-MAX_OUTPUT:]}")
        return completed.returncode == 0

    def export(self, treeish: str, folder: Path) -> None:
        """Write the files of a tree into an empty folder, without a ``.git``."""
        folder.mkdir(parents=True, exist_ok=True)
        with self._index() as index:
            self._git("read-tree", treeish, index=index)
            self._git(
                "--work-tree",
                str(folder.absolute()),
                "checkout-index",
                "--all",
                "--force",
                "--quiet",
                index=index,
            )

    def write_tree(
        self,
        base: str,
        changes: Mapping[str, bytes | None],
        executable: Mapping[str, bool] = MappingProxyType({}),
    ) -> str:
        """Write the tree of ``base`` with changes applied; return its SHA.

        A symbolic link or submodule that is written to becomes a file.

        Args:
            base: A commit or tree.
            changes: path -> new content, or None to remove the file.
            executable: path -> whether it becomes executable; by default a file keeps its mode.

        Raises:
            GitError: git forbids a path (``.git``, ``..``), or a file is written where the tree has
                a folder, or the other way round.
        """
        for path in changes:
            if not _is_writable(path):
                raise GitError(f"not a file's path: {path!r}")
        modes = {entry.path: entry.mode for entry in self.files(base)}
        with self._index() as index:
            self._git("read-tree", base, index=index)
            self._remove_from(index, [path for path in changes if changes[path] is None])
            for path, content in changes.items():
                if content is None:
                    continue
                mode = _regular_mode(modes.get(path), executable.get(path))
                blob = self._write_blob(content)
                info = f"{mode},{blob},{path}"
                self._git("update-index", "--add", "--cacheinfo", info, index=index)
            return self._write_index(index)

    def _remove_from(self, index: Path, paths: Sequence[str]) -> None:
        """Remove files from an index, whether they are in it or not."""
        lines = [f"0 {_NO_OBJECT}\t{path}\0" for path in paths]
        stdin = "".join(lines).encode()
        self._git("update-index", "-z", "--index-info", index=index, stdin=stdin)

    def diff(self, old: str, new: str, paths: Sequence[str] = ()) -> bytes:
        """Return a patch that ``git apply`` accepts; the same trees always give the same patch.

        With ``paths``, it only has the changes to these files.
        """
        options = ("--src-prefix=a/", "--dst-prefix=b/", *_DIFF_OPTIONS)
        return self._git("diff-tree", "-r", "-p", *options, old, new, "--", *paths)

    def apply(self, base: str, patch: bytes) -> str:
        """Write the tree of ``base`` with a patch from ``diff`` applied; return its SHA.

        Raises:
            GitError: the patch does not apply.
        """
        with self._index() as index:
            self._git("read-tree", base, index=index)
            if patch.strip():
                self._git("apply", "--cached", "--whitespace=nowarn", "-", index=index, stdin=patch)
            return self._write_index(index)

    def pack_size(self) -> int:
        """Return the number of bytes of all packs."""
        packs = (self.folder / "objects/pack").glob("*.pack")
        return sum(pack.stat().st_size for pack in packs)

    def is_shallow(self) -> bool:
        """Return whether the history is cut off."""
        return (self.folder / "shallow").exists()

    def write_pack(self, sha: str, folder: Path) -> None:
        """Write a pack with a commit and everything that it refers to, and nothing else."""
        self._git(
            "pack-objects", "--revs", "--quiet", str(folder / "pack"), stdin=f"{sha}\n".encode()
        )

    def commit(
        self, tree: str, parent: str | None, message: str, author: Identity, seconds: int
    ) -> str:
        """Write a commit; return its SHA, which is the same for the same arguments.

        ``author`` is also the committer. ``seconds`` since the epoch are the date of both, in UTC.
        """
        environment: dict[str, str] = {}
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_NAME"] = author.name
            environment[f"GIT_{role}_EMAIL"] = author.email
            environment[f"GIT_{role}_DATE"] = f"@{seconds} +0000"
        # Text from a model may contain characters that git does not accept.
        text = message.replace("\0", "").encode(errors="replace")
        parents = [] if parent is None else ["-p", parent]
        arguments = ["commit-tree", tree, *parents, "-F", "-"]
        return self._git(*arguments, stdin=text, environment=environment).decode().strip()

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
        try:
            self._remote("push", "--quiet", "--no-verify", lease, url, refspec)
        except PushRejected:
            # Curl repeats a request whose reply was lost, and the remote rejects the repetition.
            if self.remote_branch(url, branch) != sha:
                raise

    def remote_branch(self, url: str, branch: str) -> str | None:
        """Return the current commit of the remote's branch; None if there is no such branch."""
        ref = f"refs/heads/{branch}"
        for line in self._remote("ls-remote", url, ref).decode().splitlines():
            sha, _, name = line.partition("\t")
            if name == ref:
                return sha
        return None

    def _remote(self, command: str, *arguments: str) -> bytes:
        """Run a command that talks to a remote; it raises what ``run_remote`` raises."""
        with self._around(command):
            return run_remote(self.folder, self._token(), command, *arguments)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Allow one fetch at a time in this mirror, across all processes of the machine."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _remove_stale_locks(self) -> None:
        """Remove the lock files of a killed git, which would make every later fetch fail.

        The caller holds the mirror's own lock.
        """
        for lock in (*self.folder.glob("*.lock"), *(self.folder / "refs").rglob("*.lock")):
            if time.time() - lock.stat().st_mtime > _STALE_LOCK_SECONDS:
                lock.unlink()

    def _write_blob(self, content: bytes) -> str:
        arguments = ("hash-object", "-w", "--stdin", "--no-filters")
        return self._git(*arguments, stdin=content).decode().strip()

    def _write_index(self, index: Path) -> str:
        """Write the tree of an index; return its SHA."""
        return self._git("write-tree", index=index).decode().strip()

    @contextmanager
    def _index(self) -> Iterator[Path]:
        """Provide the path of a temporary index."""
        with tempfile.TemporaryDirectory(prefix="index-") as folder:
            yield Path(folder) / "index"

    def _git(
        self,
        *arguments: str,
        stdin: bytes = b"",
        index: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        command = _command(arguments)
        completed = self._run(list(arguments), stdin=stdin, index=index, environment=environment)
        if completed.returncode == 0:
            return completed.stdout
        output = completed.stderr.decode(errors="replace").strip()
        raise GitError(f"git {command} failed ({completed.returncode}): {output[-MAX_OUTPUT:]}")

    def _run(
        self,
        arguments: list[str],
        *,
        stdin: bytes = b"",
        index: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
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


def _command(arguments: Sequence[str]) -> str:
    """Return the name of git's command, which may follow a --work-tree."""
    return arguments[2] if arguments[0] == "--work-tree" else arguments[0]


def _regular_mode(before: str | None, executable: bool | None) -> str:
    """Return the mode of a file that is written; ``executable`` is None to keep the mode."""
    if executable is not None:
        return EXECUTABLE if executable else NOT_EXECUTABLE
    return before if before in REGULAR_MODES else NOT_EXECUTABLE


def _is_writable(path: str) -> bool:
    """Return whether a file with this path may be written; a model's path may be any string.

    Names with leading or trailing whitespace are refused: ``git apply`` can't read every patch that
    ``git diff`` writes for them.
    """
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return False
    if b"\0" in encoded:
        return False
    return all(part == part.strip() and part not in ("", ".", "..") for part in path.split("/"))
