"""Check the rights that the run will need, update the mirror, and choose the commit that all later
stages work from.
"""

import asyncio
import logging

from pydantic import BaseModel, ConfigDict

from pipeline.github import Forge, ForgeRefused
from pipeline.github.access import find_access_refusal
from pipeline.github.commit_author import CommitAuthor
from pipeline.github.issue_pulls import branch_name
from pipeline.job import IssueRef
from pipeline.outcome import Facts, Outcome
from pipeline.pushes import own_commits
from pipeline.stage import RunContext, Stop
from repository.config import CONFIG
from repository.git import GitError, GitRefused, GitUnauthorized, Mirror, Mirrors
from repository.text_encoding import read_text
from stages.fetch_issue import Issue

log = logging.getLogger(__name__)

MAX_FILES = 200_000
#: Characters read from the configuration file.
MAX_CONFIG = 64_000


class Checkout(BaseModel):
    model_config = ConfigDict(frozen=True)

    repository: str
    clone_url: str
    base_branch: str
    base_sha: str
    committed_at: int
    """The base commit's time, in seconds since the epoch."""
    described: str | None
    """``git describe --tags --long`` of the base commit; packages ask git for their version."""
    config: str | None = None
    """The ``.coding-agent.toml`` of the default branch; other branches' files are ignored."""

    def facts(self) -> Facts:
        return Facts(base_sha=self.base_sha)


class CheckoutStage:
    name = "checkout"

    def __init__(self, forge: Forge, mirrors: Mirrors, author: CommitAuthor):
        self._forge = forge
        self._mirrors = mirrors
        self._author = author

    async def run(self, issue: Issue, run: RunContext) -> Checkout | Stop:
        if not run.fix_job.options.dry_run:
            branch = branch_name(issue.number, run.job_id)
            reason = await asyncio.to_thread(self._find_access_refusal, run.fix_job.issue, branch)
            if reason is not None:
                return _rejected(reason)
        mirror = self._mirrors.at(issue.repository)
        try:
            await asyncio.to_thread(mirror.fetch, issue.clone_url)
        except GitUnauthorized:
            raise  # the deployment's credentials: the run waits until they are replaced
        except (ForgeRefused, GitRefused) as error:  # the forge has no token for it any more
            return _rejected(f"{issue.repository} can't be fetched: {error}")
        refusal = await self._refuse_foreign_branch(mirror, issue, run)
        if refusal is not None:
            return refusal
        base_branch = run.fix_job.base_branch or issue.default_branch
        return await asyncio.to_thread(_check_out, mirror, issue, base_branch)

    def _find_access_refusal(self, ref: IssueRef, branch: str) -> str | None:
        try:
            self._author.identity(ref)
            return find_access_refusal(self._forge, ref, branch)
        except ForgeRefused as error:
            return str(error)

    async def _refuse_foreign_branch(
        self, mirror: Mirror, issue: Issue, run: RunContext
    ) -> Stop | None:
        """Reject the run if the job's branch exists with a commit that this service did not push.

        The branch is in the fork if fixes are pushed to one.
        """
        if run.fix_job.options.dry_run:
            return None
        branch = branch_name(issue.number, run.job_id)
        try:
            sha = await asyncio.to_thread(
                self._branch_commit, mirror, issue, run.fix_job.issue, branch
            )
        except GitUnauthorized:
            raise
        except (ForgeRefused, GitRefused) as error:
            return _rejected(f"branch {branch} can't be read: {error}")
        if sha is None or sha in await own_commits(run):
            return None
        return _rejected(
            f"branch {branch} holds a commit that is not ours ({sha[:12]}): delete or rename the"
            " branch, then run this again"
        )

    def _branch_commit(
        self, mirror: Mirror, issue: Issue, ref: IssueRef, branch: str
    ) -> str | None:
        """Return the commit of a branch in the repository that fixes are pushed to."""
        url = self._forge.existing_push_url(ref)
        if url is None:
            return None
        if url == issue.clone_url:
            return mirror.branch(branch)
        return mirror.remote_branch(url, branch)

    async def restore(self, result: Checkout, run: RunContext) -> None:
        """Fetch the recorded commit into this machine's mirror."""
        mirror = self._mirrors.at(result.repository)
        if await asyncio.to_thread(mirror.has, result.base_sha):
            return
        await asyncio.to_thread(mirror.fetch, result.clone_url, sha=result.base_sha)


def _check_out(mirror: Mirror, issue: Issue, branch: str) -> Checkout | Stop:
    """Describe the branch's newest commit, or reject the run if it can't be worked on."""
    sha = mirror.branch(branch)
    if sha is None:
        if mirror.has_branches():
            return _rejected(f"{issue.repository} has no branch {branch!r}")
        return _rejected(f"{issue.repository} is empty")
    try:
        count = len(mirror.files(sha))
    except GitError as error:
        log.warning("the files of %s can't be listed: %s", issue.repository, error)
        return _rejected(
            f"the newest commit of {issue.repository} can't be read: run git fsck in the repository"
        )
    if count == 0:
        return _rejected(f"{issue.repository} has no files on {branch!r}")
    if count > MAX_FILES:
        return _rejected(f"{issue.repository} is too large: {count} files, {MAX_FILES} at most")
    return Checkout(
        repository=issue.repository,
        clone_url=issue.clone_url,
        base_branch=branch,
        base_sha=sha,
        committed_at=mirror.commit_time(sha),
        described=mirror.describe(sha),
        config=_read_config(mirror, mirror.branch(issue.default_branch) or sha),
    )


def _read_config(mirror: Mirror, sha: str) -> str | None:
    data = mirror.read(sha, CONFIG)
    return None if data is None else read_text(data)[:MAX_CONFIG]


def _rejected(reason: str) -> Stop:
    return Stop(Outcome.REJECTED, reason)
