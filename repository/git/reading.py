"""Reading the files of a commit or tree.

Of a partial mirror, the contents must have been fetched before: none of these commands fetches.
"""

from collections.abc import Iterator, Sequence

from repository.git.directory import GitDirectory
from repository.git.errors import GitError
from repository.git.objects import REGULAR_MODES, Entry
from repository.git.paths import is_writable
from repository.git.refusals import MAX_OUTPUT

_CHUNK = 1 << 16


def has_more_files(git: GitDirectory, treeish: str, count: int) -> bool:
    """Return whether a commit or tree has more files than ``count``.

    Ask before you list the files of a stranger's commit: a tree can contain another one many times
    over, so a small repository can have billions of files. No content is needed.
    """
    found = 0
    with git.streaming("ls-tree", "-r", "-z", "--name-only", treeish) as output:
        while found <= count:
            chunk = output.read(_CHUNK)
            if not chunk:
                return False
            found += chunk.count(b"\0")
    return True


def list_files(git: GitDirectory, treeish: str) -> list[Entry]:
    """Return every file of a commit or tree, except those whose path is not UTF-8."""
    entries: list[Entry] = []
    for line in git.output("ls-tree", "-r", "-l", "-z", treeish).split(b"\0"):
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


def list_paths(git: GitDirectory, treeish: str) -> list[str]:
    """Return the paths of a commit's or tree's files, except those that are not UTF-8.

    No content is needed.
    """
    paths: list[str] = []
    for name in git.output("ls-tree", "-r", "-z", "--name-only", treeish).split(b"\0"):
        try:
            path = name.decode()
        except UnicodeDecodeError:
            continue
        if path:
            paths.append(path)
    return paths


def list_blobs(git: GitDirectory, treeish: str, paths: Sequence[str] = ()) -> list[str]:
    """Return the SHA of every file and symbolic link of a commit or tree, each once.

    With ``paths``, only of those. No content is needed.
    """
    blobs: dict[str, None] = {}
    for line in git.output("ls-tree", "-r", "-z", treeish, "--", *paths).split(b"\0"):
        meta, _, _ = line.partition(b"\t")
        fields = meta.decode().split()
        if fields and fields[1] == "blob":
            blobs[fields[2]] = None
    return list(blobs)


def find_missing(git: GitDirectory, shas: Sequence[str]) -> list[str]:
    """Return those objects that are not here."""
    if not shas:
        return []
    names = "".join(f"{sha}\n" for sha in shas)
    output = git.output("cat-file", "--batch-check=%(objectname)", stdin=names.encode())
    missing: list[str] = []
    for line in output.decode().splitlines():
        sha, _, state = line.partition(" ")
        if state == "missing":
            missing.append(sha)
    return missing


def read_blobs(git: GitDirectory, shas: Sequence[str]) -> Iterator[bytes]:
    """Return the contents of blobs, in order.

    Raises:
        GitError: there is no such object.
    """
    if not shas:
        return
    names = "".join(f"{sha}\n" for sha in shas)
    output = git.output("cat-file", "--batch", stdin=names.encode())
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


def read_file(git: GitDirectory, treeish: str, path: str) -> bytes | None:
    """Return one file's bytes; None if there is no regular file with that path."""
    if not is_writable(path):
        return None
    listing = git.output("ls-tree", "-z", treeish, "--", path)
    for line in listing.split(b"\0"):
        meta, _, name = line.partition(b"\t")
        if name != path.encode():
            continue
        mode, _, sha = meta.decode().split()
        if mode in REGULAR_MODES:
            return git.output("cat-file", "blob", sha)
    return None


def contains_text(git: GitDirectory, treeish: str, text: str, *, words: bool) -> bool:
    """Return whether a text file of a commit or tree contains ``text``.

    With ``words``, it must begin and end at the border of a word.
    """
    pattern = text.replace("\0", "")
    options = ["-w"] if words else []
    completed = git.run("grep", "--quiet", "-I", "-F", *options, "-e", pattern, treeish)
    if completed.returncode > 1:
        error = completed.stderr.decode(errors="replace")
        raise GitError(f"git grep failed: {error[-MAX_OUTPUT:]}")
    return completed.returncode == 0
