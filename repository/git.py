"""Git on bare mirrors, by plumbing alone: no work tree is configured, and nothing runs inside a
repository's files.

Trees for tests are exported; candidates are written as objects. So hooks, filters and configuration
that a hostile repository or its tests could leave behind never reach a git of ours."""

import fcntl
import hashlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_ASKPASS = """#!/bin/sh
case "$1" in Username*) echo x-access-token ;; *) printf '%s\\n' "$CODING_AGENT_GIT_TOKEN" ;; esac
"""
#: Per-process configuration, through the environment: a repository's own can't undo it.
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
    "submodule.recurse": "false",
    # the askpass helper would give the token to whichever host asks
    "http.followRedirects": "false",
    # bytes a second, for a minute: a dead connection is not waited for
    "http.lowSpeedLimit": "100",
    "http.lowSpeedTime": "60",
}
TIMEOUT_SECONDS = 900
_STALE_LOCK_SECONDS = 60
_REGULAR = ("100644", "100755")
_REFUSED = re.compile(
    r"\[rejected\]|stale info|cannot lock ref|failed to update ref|reference already exists"
    # A rule of the remote (a protected branch, a token without the workflow scope), but not a
    # remote that fails.
    r"|\[remote rejected\](?!.*\((?i:internal|.*time))"
)


class GitError(Exception):
    """Git refused; the text is its own, the command's arguments included."""


class GitUnavailable(Exception):
    """The remote could not be reached, or git took too long: the same call may succeed later."""


class PushRejected(GitError):
    """The branch is not where we expected it to be, or a rule of the remote forbids the push."""


@dataclass(frozen=True)
class Entry:
    """One file of a tree."""

    mode: str
    """100644, 100755, 120000 (symlink) or 160000 (submodule)"""
    sha: str
    size: int
    path: str


@dataclass(frozen=True)
class Identity:
    name: str
    email: str


class Mirrors:
    """A folder with one bare mirror a repository. ``token`` gives the secret for a repository's
    addresses, or None.
    """

    def __init__(self, root: Path, token: Callable[[str], str | None]):
        self._root = root
        self._token = token

    def at(self, repository: str) -> "Mirror":
        folder = self._root / (re.sub(r"[^a-z0-9._-]+", "__", repository.lower()) + ".git")
        return Mirror(folder, lambda: self._token(repository))


class Mirror:
    """One bare repository. Methods block; call them in threads."""

    def __init__(self, folder: Path, token: Callable[[], str | None]):
        self.folder = folder.absolute()
        self._token = token
        self._refs = "refs/remotes/none"

    def fetch(self, url: str, *, sha: str | None = None) -> None:
        """Bring the mirror's branches up to date with ``url``; ``sha`` is fetched too where no
        branch holds it.
        """
        # Two local repositories may share a mirror by their folder's name, and never each other's
        # branches.
        self._refs = f"refs/remotes/{hashlib.sha256(url.encode()).hexdigest()[:16]}"
        with self._locked():
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_stale_locks()
            # Each time: it mends a mirror whose making was cut short, and changes nothing else.
            self._git("init", "--quiet", "--bare", "--initial-branch=main")
            # A local repository may be shallow itself; without --update-shallow its branches would
            # be left out.
            fetch = ("fetch", "--quiet", "--no-tags", "--force", "--update-shallow")
            self._remote(*fetch, "--prune", url, f"+refs/heads/*:{self._refs}/*")
            self._remote(*fetch, url, "+refs/tags/*:refs/tags/*")
            if sha and not self.has(sha):
                self._remote(*fetch, url, sha)

    def has(self, sha: str) -> bool:
        """False, too, where this machine has no mirror yet."""
        return (
            self.folder.is_dir()
            and self._run(["cat-file", "-e", f"{sha}^{{commit}}"]).returncode == 0
        )

    def branch(self, name: str) -> str | None:
        """The commit that the remote's branch was at in this object's last fetch."""
        done = self._run(["rev-parse", "--verify", "--quiet", f"{self._refs}/{name}^{{commit}}"])
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def has_branches(self) -> bool:
        return bool(self._git("for-each-ref", "--count=1", self._refs).strip())

    def commit_time(self, sha: str) -> int:
        """Committer's time, seconds since the epoch."""
        return int(self._git("show", "--no-patch", "--format=%ct", sha).strip())

    def tree_of(self, sha: str) -> str:
        return self._git("rev-parse", "--verify", f"{sha}^{{tree}}").decode().strip()

    def describe(self, sha: str) -> str | None:
        """The newest tag reachable, as ``git describe`` says it; None without tags."""
        done = self._run(["describe", "--tags", "--long", sha])
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None

    def files(self, treeish: str) -> list[Entry]:
        """Every file of a commit or tree, paths that are no UTF-8 left out."""
        entries = []
        for line in self._git("ls-tree", "-r", "-l", "-z", treeish).split(b"\0"):
            if not line:
                continue
            meta, _, name = line.partition(b"\t")
            mode, _, sha, size = meta.decode().split()
            try:
                entries.append(Entry(mode, sha, int(size) if size.isdigit() else 0, name.decode()))
            except UnicodeDecodeError:
                continue
        return entries

    def read_many(self, shas: list[str]) -> Iterator[bytes]:
        """The blobs' contents, in order."""
        if not shas:
            return
        out = self._git("cat-file", "--batch", stdin="".join(f"{sha}\n" for sha in shas).encode())
        at = 0
        for _ in shas:
            end = out.index(b"\n", at)
            header = out[at:end].split()
            if len(header) != 3:
                raise GitError(f"no such object: {out[at:end].decode(errors='replace')}")
            size = int(header[2])
            yield out[end + 1 : end + 1 + size]
            at = end + 1 + size + 1

    def read(self, treeish: str, path: str) -> bytes | None:
        """One file's bytes; None where there is none (or it is a folder, link or submodule)."""
        if not _possible(path):
            return None
        listed = self._git("ls-tree", "-z", treeish, "--", path)
        for line in listed.split(b"\0"):
            meta, _, name = line.partition(b"\t")
            if name == path.encode() and meta.split()[:2] in (
                [b"100644", b"blob"],
                [b"100755", b"blob"],
            ):
                return self._git("cat-file", "blob", meta.split()[2].decode())
        return None

    def grep(self, treeish: str, text: str, *, folder: str = "", regex: bool = False) -> list[str]:
        """``path:line number:line`` of lines with ``text`` (POSIX extended with ``regex``) in files that are text; 50
        lines a file. Links and submodules are left out."""
        kind = "-E" if regex else "-F"
        where = ["--", folder] if folder else []
        options = ["-n", "-I", "--no-color", "--max-count=50", kind]
        done = self._run(
            ["--literal-pathspecs", "grep", *options, "-e", text.replace("\0", ""), treeish, *where]
        )
        if done.returncode > 1:
            raise GitError(f"git grep failed: {done.stderr.decode(errors='replace')[-500:]}")
        said = done.stdout.decode(errors="replace")
        return [line.removeprefix(f"{treeish}:") for line in said.splitlines()]

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

    def write_tree(self, base: str, changes: Mapping[str, bytes | None]) -> str:
        """The tree of ``base`` with files written, or removed (None). Gives the tree's SHA.

        A file keeps its mode; a symlink or submodule that is written to becomes a file. Raises GitError for a path
        that git forbids (``.git``, ``..``) and for a file where the tree has a folder, or the other way round.
        """
        modes = {entry.path: entry.mode for entry in self.files(base) if entry.mode in _REGULAR}
        if impossible := [path for path in changes if not _possible(path)]:
            raise GitError(f"not a file's path: {impossible[0]!r}")
        removed = "".join(
            f"0 {'0' * 40}\t{path}\0" for path, content in changes.items() if content is None
        )
        with self._index() as index:
            self._git("read-tree", base, index=index)
            self._git("update-index", "-z", "--index-info", index=index, stdin=removed.encode())
            for path, content in changes.items():
                if content is None:
                    continue
                blob = (
                    self._git("hash-object", "-w", "--stdin", "--no-filters", stdin=content)
                    .decode()
                    .strip()
                )
                info = f"{modes.get(path, '100644')},{blob},{path}"
                self._git("update-index", "--add", "--cacheinfo", info, index=index)
            return self._git("write-tree", index=index).decode().strip()

    def diff(self, old: str, new: str) -> bytes:
        """A patch that ``git apply`` takes; the same for the same trees."""
        options = [
            "--full-index",
            "--binary",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
        ]
        return self._git(
            "diff-tree", "-r", "-p", "--src-prefix=a/", "--dst-prefix=b/", *options, old, new
        )

    def apply(self, base: str, patch: bytes) -> str:
        """The tree of ``base`` with a patch of ``diff`` applied. Gives the tree's SHA; raises
        GitError.
        """
        with self._index() as index:
            self._git("read-tree", base, index=index)
            if patch.strip():
                self._git("apply", "--cached", "--whitespace=nowarn", "-", index=index, stdin=patch)
            return self._git("write-tree", index=index).decode().strip()

    def commit(self, tree: str, parent: str, message: str, who: Identity, seconds: int) -> str:
        """Write a commit. The same arguments give the same SHA: the time is the caller's, the zone
        UTC.
        """
        date = f"@{seconds} +0000"
        identity = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", who.name), ("EMAIL", who.email), ("DATE", date))
        }
        text = message.replace("\0", "").encode(
            errors="replace"
        )  # a model's words may hold what git can't take
        arguments = ["commit-tree", tree, "-p", parent, "-F", "-"]
        return self._git(*arguments, stdin=text, environment=identity).decode().strip()

    def push(self, url: str, sha: str, branch: str, *, expected: str | None) -> None:
        """Move ``branch`` from ``expected`` (None: it must not exist) to ``sha``.

        Raises:
            PushRejected: the branch is elsewhere (look with ``remote_branch``), or the remote's rules forbid it.
        """
        lease = f"--force-with-lease=refs/heads/{branch}:{expected or ''}"
        self._remote("push", "--quiet", "--no-verify", lease, url, f"{sha}:refs/heads/{branch}")

    def remote_branch(self, url: str, branch: str) -> str | None:
        """Where the remote's branch is now; None where there is none."""
        for line in self._remote("ls-remote", url, f"refs/heads/{branch}").decode().splitlines():
            sha, _, name = line.partition("\t")
            if name == f"refs/heads/{branch}":
                return sha
        return None

    def _remote(self, *arguments: str) -> bytes:
        """A command that talks to a remote: the token travels through an askpass helper's
        environment.
        """
        token = self._token()
        with tempfile.TemporaryDirectory(prefix="askpass-") as folder:
            helper = Path(folder) / "askpass"
            helper.write_text(_ASKPASS)
            helper.chmod(0o700)
            secret = {"GIT_ASKPASS": str(helper), "CODING_AGENT_GIT_TOKEN": token} if token else {}
            try:
                return self._git(*arguments, environment=secret)
            except PushRejected:
                raise
            except GitError as error:
                raise GitUnavailable(str(error)) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One fetch at a time in this mirror, over all processes of the machine."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _remove_stale_locks(self) -> None:
        """A git that was killed leaves lock files that would stop every later fetch. We hold the
        mirror's own lock.
        """
        for lock in (*self.folder.glob("*.lock"), *(self.folder / "refs").rglob("*.lock")):
            if time.time() - lock.stat().st_mtime > _STALE_LOCK_SECONDS:
                lock.unlink()

    @contextmanager
    def _index(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="index-") as folder:
            yield Path(folder) / "index"

    def _git(
        self,
        *arguments: str,
        stdin: bytes = b"",
        index: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        done = self._run(list(arguments), stdin=stdin, index=index, environment=environment)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            kind = PushRejected if arguments[0] == "push" and _REFUSED.search(said) else GitError
            raise kind(f"git {arguments[0]} failed ({done.returncode}): {said[-2000:]}")
        return done.stdout

    def _run(
        self,
        arguments: list[str],
        *,
        stdin: bytes = b"",
        index: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        return run_git(
            [f"--git-dir={self.folder}", *arguments],
            cwd=self.folder,
            stdin=stdin,
            environment=({"GIT_INDEX_FILE": str(index)} if index else {}) | dict(environment or {}),
        )


def _possible(path: str) -> bool:
    """Whether a change may have ``path``; a model's may be anything. Of names with white space at an end, not every
    patch that ``git diff`` makes can be read again by ``git apply``."""
    try:
        return b"\0" not in path.encode() and not any(
            part in ("", ".", "..") or part != part.strip() for part in path.split("/")
        )
    except UnicodeEncodeError:
        return False


def run_git(
    arguments: list[str],
    *,
    cwd: Path,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """git with nothing of the machine's or the user's configuration, and no prompt."""
    inherited = {
        name: os.environ[name]
        for name in ("PATH", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
        if name in os.environ
    }
    config = {"GIT_CONFIG_COUNT": str(len(_CONFIG))}
    for number, (key, value) in enumerate(_CONFIG.items()):
        config |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    fixed = {
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
    try:
        return subprocess.run(
            ["git", *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
            cwd=cwd,
            env=inherited | config | fixed | dict(environment or {}),
        )
    except subprocess.TimeoutExpired as error:
        raise GitUnavailable(f"git took longer than {TIMEOUT_SECONDS} seconds") from error
