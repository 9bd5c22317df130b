"""A signed copy of a planned commit, where the forge signs: GitHub does for Apps.

The forge needs the files first, so the commit is pushed to a ref that is no branch, and starts
nothing. The copy's SHA depends on the forge, so it is stored before the branch is moved to it.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.github import ForgeRefused
from pipeline.github.signed_commits import CommitSigner
from pipeline.job import Subject
from pipeline.pushes import SIGNED_COMMIT
from pipeline.stage import RunContext
from repository.git import GitError, GitUnauthorized, Mirror
from stages.open_pr.plans import PlannedCommit

log = logging.getLogger(__name__)


async def sign_commit(
    run: RunContext,
    mirror: Mirror,
    url: str,
    commit: PlannedCommit,
    *,
    parent: str,
    signer: CommitSigner,
) -> str:
    """Return the SHA of the signed copy, which is then in the mirror.

    It is that of the commit itself if the forge does not sign it: a rule that asks for signatures
    then refuses the push.

    Raises:
        GitRefused, GitUnavailable: git can't reach the repository.
    """
    intention = {"sha": commit.sha}
    if not await run.has_intended(SIGNED_COMMIT):
        subject = run.job.subject
        signed = await asyncio.to_thread(_sign, mirror, url, commit, parent, signer, subject)
        intention = {"sha": signed or commit.sha}
    stored = await run.intend(SIGNED_COMMIT, intention)
    sha = str(stored["sha"])
    if not await asyncio.to_thread(mirror.has, sha):
        await asyncio.to_thread(mirror.fetch, url, sha=sha)
    return sha


def _sign(
    mirror: Mirror,
    url: str,
    commit: PlannedCommit,
    parent: str,
    signer: CommitSigner,
    subject: Subject,
) -> str | None:
    """Return the SHA of a new signed commit, which the mirror has; None if there is none."""
    tree = mirror.tree_of(commit.sha)
    with _on_hidden_ref(mirror, url, commit):
        try:
            sha = signer.sign(subject, tree=tree, parent=parent, message=commit.message)
        except ForgeRefused as error:
            log.warning("the commit is not signed: %s", error)
            return None
        if sha is None:
            log.warning("GitHub did not sign the commit")
            return None
        mirror.fetch(url, sha=sha)
        return sha


@contextmanager
def _on_hidden_ref(mirror: Mirror, url: str, commit: PlannedCommit) -> Iterator[None]:
    """Keep the commit in the repository, on no branch."""
    mirror.push_hidden(url, commit.sha, commit.branch)
    try:
        yield
    finally:
        try:
            mirror.delete_hidden(url, commit.branch)
        except GitUnauthorized:
            raise
        except GitError as error:  # the next run of the job replaces it
            log.warning("the hidden ref of %s stays: %s", commit.branch, error)
