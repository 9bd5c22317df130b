"""The effects that push commits, and which commits on a branch are therefore this service's."""

from pipeline.stage import RunContext
from pipeline.store.contract import Effect

#: Name of the effect that pushes a commit; its intention records the commit's ``sha``.
PUSH = "push"
#: Name of the effect that makes a signed copy of that commit; its intention records the ``sha``.
SIGNED_COMMIT = "signed_commit"
_EFFECTS = (PUSH, SIGNED_COMMIT)


async def own_commits(run: RunContext) -> set[str]:
    """Return the SHAs of all commits that a run of the job has pushed, or may have pushed."""
    commits: set[str] = set()
    for effect in _EFFECTS:
        commits.update(str(intention["sha"]) for intention in await run.intentions(effect))
    return commits


def pushed_commit(effect: Effect) -> str | None:
    """Return the SHA of the commit that a stored effect has pushed, or may have pushed; None if it
    is an effect of another kind.
    """
    return str(effect.intention["sha"]) if effect.name in _EFFECTS else None
