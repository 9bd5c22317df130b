"""The code as of now: a kept mirror, brought up to date, and the commit that everything after works
from.
"""

import asyncio
import hashlib

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts, Outcome
from pipeline.stage import RunContext, Stop
from repository.config import CONFIG
from repository.git import GitError, Mirror, Mirrors
from stages.fetch_issue import Issue

MAX_FILES = 200_000
MAX_CONFIG = 64_000
#: What the name of each of our branches begins with.
BRANCHES = "coding-agent/"


def branch_name(number: int, job_id: str) -> str:
    """The branch of a job, the same in every generation."""
    return f"{BRANCHES}issue-{number}-{hashlib.sha256(job_id.encode()).hexdigest()[:10]}"


class Checkout(BaseModel):
    model_config = ConfigDict(frozen=True)

    repository: str
    clone_url: str
    base_branch: str
    base_sha: str
    committed_at: int
    """The base commit's time, seconds since the epoch."""
    described: str | None
    """``git describe --tags --long`` of the base commit: packages that ask git for their version are told it."""
    config: str | None = None
    """The default branch's ``.coding-agent.toml``: what another branch says of itself does not count."""

    def facts(self) -> Facts:
        return Facts(base_sha=self.base_sha)


class CheckoutStage:
    name = "checkout"

    def __init__(self, mirrors: Mirrors):
        self._mirrors = mirrors

    async def run(self, issue: Issue, run: RunContext) -> Checkout | Stop:
        branch = run.job.base_branch or issue.default_branch
        mirror = self._mirrors.at(issue.repository)
        await asyncio.to_thread(mirror.fetch, issue.clone_url)
        ours = {str(past["sha"]) for past in await run.intentions("push")}
        mine = branch_name(issue.number, run.job_id)
        there = await asyncio.to_thread(mirror.branch, mine)
        if there is not None and there not in ours and not run.job.options.dry_run:
            return Stop(
                Outcome.REJECTED, f"branch {mine} holds a commit that is not ours ({there[:12]})"
            )
        return await asyncio.to_thread(self._look, mirror, issue, branch)

    async def restore(self, result: Checkout, run: RunContext) -> None:
        """Bring a mirror to this machine that holds the recorded commit."""
        mirror = self._mirrors.at(result.repository)
        if not await asyncio.to_thread(mirror.has, result.base_sha):
            await asyncio.to_thread(lambda: mirror.fetch(result.clone_url, sha=result.base_sha))

    def _look(self, mirror: Mirror, issue: Issue, branch: str) -> Checkout | Stop:
        sha = mirror.branch(branch)
        if sha is None:
            empty = not mirror.has_branches()
            return Stop(
                Outcome.REJECTED,
                (
                    f"{issue.repository} is empty"
                    if empty
                    else f"{issue.repository} has no branch {branch!r}"
                ),
            )
        try:
            files = mirror.files(sha)
        except GitError as error:
            return Stop(Outcome.REJECTED, f"{issue.repository} can't be read: {error}")
        if len(files) > MAX_FILES:
            return Stop(
                Outcome.REJECTED,
                f"{issue.repository} is too large: {len(files)} files, {MAX_FILES} at most",
            )
        if not files:
            return Stop(Outcome.REJECTED, f"{issue.repository} has no files on {branch!r}")
        config = mirror.read(mirror.branch(issue.default_branch) or sha, CONFIG)
        return Checkout(
            repository=issue.repository,
            clone_url=issue.clone_url,
            base_branch=branch,
            base_sha=sha,
            committed_at=mirror.commit_time(sha),
            described=mirror.describe(sha),
            config=config and config.decode(errors="replace")[:MAX_CONFIG],
        )
