"""The effects that push commits, and which commits on a branch are therefore this service's."""

from pipeline.stage import RunContext

#: Name of the effect that pushes a commit; its intention records the commit's ``sha``.
PUSH = "push"


async def own_commits(run: RunContext) -> set[str]:
    """Return the SHAs of all commits that a run of the job has pushed, or may have pushed."""
    return {str(intention["sha"]) for intention in await run.intentions(PUSH)}
