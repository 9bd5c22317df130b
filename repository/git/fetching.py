"""Fetching from a repository into its mirror: chosen branches, and only the contents that are
needed.

A partial mirror has the commits and trees of its branches, and the contents of the files of those
commits that a run works on. Its remote is given to git as configuration of each fetch and push, and
of no other command. So nothing is stored in the mirror, and a command that lacks an object fails
instead of fetching it, one by one and without credentials.
"""

import hashlib
from collections.abc import Collection, Sequence

from repository.git.directory import GitDirectory
from repository.git.errors import GitRefused, GitUnavailable, RefNotFound
from repository.git.process import FILE_BLOCK
from repository.git.reading import find_missing, list_blobs
from repository.git.remote import Remote

_FETCH = ("fetch", "--quiet", "--force", "--no-write-fetch-head", "--no-show-forced-updates")
_REMOTE = "origin"
#: Leaves out the contents of files (git-rev-list(1), --filter).
_FILTER = "blob:none"


class Fetcher:
    """Fetches into one bare repository. The caller holds the mirror's lock."""

    def __init__(self, git: GitDirectory, remote: Remote, max_bytes: int | None):
        """``max_bytes`` are those that one fetch may bring; None for no limit."""
        self._git = git
        self._remote = remote
        self._max_bytes = max_bytes

    def fetch_branches(
        self, url: str, branches: Collection[str], *, partial: bool
    ) -> dict[str, str]:
        """Fetch those of the branches that exist, and the tags on their commits.

        With ``partial``, without the contents of files.

        Returns:
            Each branch that exists, with its newest commit.
        """
        try:
            return self._fetch_existing(url, branches, partial=partial)
        except RefNotFound:
            existing = self._remote.branches(url, branches)
            return self._fetch_existing(url, existing, partial=partial)

    def _fetch_existing(
        self, url: str, branches: Collection[str], *, partial: bool
    ) -> dict[str, str]:
        """Fetch branches; see ``fetch_branches``.

        Raises:
            RefNotFound: one of them does not exist.
        """
        if not branches:
            return {}
        refs = [_local_ref(url, name) for name in branches]
        refspecs: list[str] = []
        for name, ref in zip(branches, refs, strict=True):
            refspecs.append(f"+refs/heads/{name}:{ref}")
        # A local repository may be shallow; without --update-shallow its branches would be skipped.
        self._fetch(url, ["--update-shallow"], refspecs, partial=partial)
        commits = self._git.output("rev-parse", *[f"{ref}^{{commit}}" for ref in refs])
        return dict(zip(branches, commits.decode().split(), strict=True))

    def fetch_commit(self, url: str, sha: str, *, partial: bool) -> None:
        """Fetch a commit with its history; with ``partial``, without the contents of files."""
        self._fetch(url, ["--no-tags", "--update-shallow"], [sha], partial=partial)

    def fetch_contents(self, url: str, treeish: str, paths: Sequence[str] = ()) -> None:
        """Fetch, in one request, the contents that a commit's files lack here.

        With ``paths``, only those of these files.
        """
        missing = find_missing(self._git, list_blobs(self._git, treeish, paths))
        if missing:
            self._fetch(url, ["--no-tags", "--stdin"], [], partial=True, wanted=missing)

    def _fetch(
        self,
        url: str,
        options: list[str],
        refspecs: list[str],
        *,
        partial: bool,
        wanted: Sequence[str] = (),
    ) -> None:
        """Fetch ``refspecs``, and the objects that are ``wanted``."""
        source = _REMOTE if partial else url
        config = promisor_config(url) if partial else []
        if wanted:
            # What the mirror has says nothing about which contents it has.
            config.append(("fetch.negotiationAlgorithm", "noop"))
        try:
            self._remote.run(
                *_FETCH,
                *options,
                source,
                *refspecs,
                stdin="".join(f"{sha}\n" for sha in wanted).encode(),
                config=config,
                max_file_bytes=self._max_bytes,
            )
        except GitUnavailable as error:
            largest = self._remove_unfinished_packs()
            # The limit kills the process that writes the pack, so git does not say so.
            if self._max_bytes is not None and largest > self._max_bytes - FILE_BLOCK:
                megabytes = self._max_bytes // 1_000_000
                raise GitRefused(
                    f"it is too large: a fetch brings more than {megabytes} MB, the limit of"
                    " CODING_AGENT_MAX_REPOSITORY_MB"
                ) from error
            raise

    def _remove_unfinished_packs(self) -> int:
        """Remove what a failed fetch has left; the mirror's lock keeps others from fetching.

        Returns:
            The bytes of the largest; 0 if there is none.
        """
        largest = 0
        for pack in (self._git.folder / "objects/pack").glob("tmp_pack_*"):
            largest = max(largest, pack.stat().st_size)
            pack.unlink()
        return largest


def promisor_config(url: str) -> list[tuple[str, str]]:
    """Return the settings by which git takes objects that are missing for ones that ``url`` has
    (https://git-scm.com/docs/partial-clone).
    """
    return [
        (f"remote.{_REMOTE}.url", url),
        (f"remote.{_REMOTE}.promisor", "true"),
        (f"remote.{_REMOTE}.partialclonefilter", _FILTER),
    ]


def _local_ref(url: str, branch: str) -> str:
    """Return the mirror's own name for a branch.

    It is derived from the address, because local repositories in folders of the same name share a
    mirror; and from the whole name of the branch, so that the remains of a branch ``a`` are not in
    the way of ``a/b``.
    """
    return f"refs/remotes/{_digest(url)}/{_digest(branch)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
