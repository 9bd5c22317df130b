"""The commit and its push: the branch moves from our own commits only."""

import asyncio
import re
from collections.abc import Callable

from pipeline.github.commit_author import CommitAuthor
from pipeline.github.signed_commits import CommitSigner
from pipeline.pushes import PUSH, SIGNED_COMMIT
from pipeline.stage import RunContext
from repository.git import Identity, Mirror, PushRejected
from stages.open_pr.change import WriteCommit
from stages.open_pr.plans import PlannedCommit
from stages.open_pr.signing import sign_commit

_REJECTION = re.compile(r"rejected\].*\(([^()]+)\)\s*$", re.MULTILINE)


async def intend_commit(
    run: RunContext,
    branch: str,
    authors: CommitAuthor,
    render: Callable[[Identity], str],
    write: WriteCommit,
    clock: Callable[[], float],
) -> PlannedCommit:
    """Return the commit that this run intends to push, after writing it into the mirror.

    It is the one that an earlier delivery has planned, if one has.

    Args:
        render: returns the message of a commit by this author; may block.
        write: writes the commit; may block.
        clock: returns the seconds since the epoch.
    """

    def plan() -> PlannedCommit:
        seconds = int(clock())
        author = authors.identity(run.job.subject)
        message = render(author)
        return PlannedCommit(
            branch=branch,
            seconds=seconds,
            message=message,
            sha=write(message, author, seconds),
            author=author,
        )

    new = await asyncio.to_thread(plan)
    commit = PlannedCommit.model_validate(await run.intend(PUSH, new.model_dump()))
    sha = await asyncio.to_thread(write, commit.message, commit.author, commit.seconds)
    if sha != commit.sha:
        raise AssertionError(
            f"the stored intention names commit {commit.sha}, but its data produce {sha}"
        )
    return commit


class ForeignCommit(PushRejected):
    """The branch holds a commit that no run of the job has made."""


async def push_commit(
    run: RunContext,
    mirror: Mirror,
    url: str,
    commit: PlannedCommit,
    *,
    parent: str,
    ours: set[str],
    signer: CommitSigner | None,
) -> str:
    """Push the planned commit, or a signed copy of it, and record that; return its SHA.

    Args:
        parent: its parent.
        ours: the commits from which the branch may move.
        signer: None if the forge signs nothing.

    Raises:
        ForeignCommit, PushRejected: as ``_push_branch`` does.
        GitRefused, GitUnavailable: git can't reach the repository.
    """
    sha = commit.sha
    if signer is not None:
        sha = await sign_commit(run, mirror, url, commit, parent=parent, signer=signer)
    await asyncio.to_thread(_push_branch, mirror, url, sha, commit.branch, {*ours, commit.sha})
    if signer is not None:
        await run.record(SIGNED_COMMIT, {"sha": sha})
    await run.record(PUSH, {"sha": sha})
    return sha


def _push_branch(mirror: Mirror, url: str, sha: str, branch: str, ours: set[str]) -> None:
    """Point the branch at our commit, if it does not exist yet or is at one of ``ours``.

    Raises:
        ForeignCommit: the branch holds one.
        PushRejected: the remote's rules forbid the push.
    """
    current = mirror.remote_branch(url, branch)
    if current == sha:
        return
    if current is not None and current not in ours:
        raise ForeignCommit(f"branch {branch} holds a commit that is not ours ({current[:12]})")
    mirror.push(url, sha, branch, expected=current)


def describe_rejection(error: PushRejected) -> str:
    """Return why the push was rejected: git gives the reason in brackets, at a line's end."""
    match = _REJECTION.search(str(error))
    reason = f" ({match[1]})" if match is not None else ""
    return f"the remote rejected the push{reason}"
