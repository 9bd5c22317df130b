"""The commit and its push: the branch moves from our own commits only."""

import asyncio
import re
from collections.abc import Callable

from pipeline.pushes import PUSH
from pipeline.stage import RunContext
from repository.git import Mirror, PushRejected
from stages.open_pr.change import WriteCommit
from stages.open_pr.plans import PlannedCommit

_REJECTION = re.compile(r"rejected\].*\(([^()]+)\)\s*$", re.MULTILINE)


async def intend_commit(
    run: RunContext, plan: Callable[[], PlannedCommit], write: WriteCommit
) -> PlannedCommit:
    """Return the commit that this run intends to push, after writing it into the mirror.

    Args:
        plan: makes the plan, unless an earlier delivery has stored one; may block.
        write: writes the commit of a plan.
    """
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


def push_branch(mirror: Mirror, url: str, commit: PlannedCommit, ours: set[str]) -> None:
    """Point the branch at our commit, if it does not exist yet or is at one of ``ours``.

    Raises:
        ForeignCommit: the branch holds one.
        PushRejected: the remote's rules forbid the push.
    """
    current = mirror.remote_branch(url, commit.branch)
    if current == commit.sha:
        return
    if current is not None and current not in ours:
        raise ForeignCommit(
            f"branch {commit.branch} holds a commit that is not ours ({current[:12]})"
        )
    mirror.push(url, commit.sha, commit.branch, expected=current)


def describe_rejection(error: PushRejected) -> str:
    """Return why the push was rejected: git gives the reason in brackets, at a line's end."""
    match = _REJECTION.search(str(error))
    reason = f" ({match[1]})" if match is not None else ""
    return f"the remote rejected the push{reason}"
