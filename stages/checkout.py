"""Check the rights that the run will need, update the mirror, and choose the commit that all later
stages work from.
"""

import asyncio
import logging

from pydantic import BaseModel, ConfigDict

from pipeline.github import Forge, ForgeRefused
from pipeline.github.access import find_access_refusal
from pipeline.github.issue_pulls import branch_name
from pipeline.job import IssueRef
from pipeline.outcome import Facts, Outcome
from pipeline.pushes import own_commits
from pipeline.stage import RunContext, Stop
from repository.ai_policy import read_admission
from repository.config import CONFIG
from repository.git import GitError, GitRefused, GitUnauthorized, Mirror, Mirrors
from repository.text_encoding import read_text
from stages.fetch_issue import Issue

log = logging.getLogger(__name__)

MAX_FILES = 200_000
#: Kilobytes of a repository, by the forge's figure, above which a run does without the contents of
#: old versions, and the agent's workspace without the history.
MAX_WHOLE_HISTORY_KB = 50_000
#: Characters read from the configuration file.
MAX_CONFIG = 64_000


class PullHead(BaseModel):
    """The newest commit of the pull request that a follow-up is for."""

    model_config = ConfigDict(frozen=True)

    sha: str
    url: str
    """The repository with its branch."""


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
    partial: bool = False
    """Whether the contents of old versions were not fetched."""
    conditions: tuple[str, ...] = ()
    """What the repository asks of contributions that a model made, quoted from its files."""
    config: str | None = None
    """The ``.coding-agent.toml`` of the default branch; other branches' files are ignored."""
    head: PullHead | None = None
    """None if the run fixes an issue."""

    def facts(self) -> Facts:
        return Facts(base_sha=self.base_sha)


class CheckoutStage:
    name = "checkout"

    def __init__(self, forge: Forge, mirrors: Mirrors):
        self._forge = forge
        self._mirrors = mirrors

    async def run(self, issue: Issue, run: RunContext) -> Checkout | Stop:
        reason = _find_size_refusal(issue, self._mirrors.limits.repository)
        if reason is not None:
            return _rejected(reason)
        if not run.fix_job.options.dry_run:
            branch = branch_name(issue.number, run.job_id)
            reason = await asyncio.to_thread(self._find_access_refusal, run.fix_job.issue, branch)
            if reason is not None:
                return _rejected(reason)
        mirror = await asyncio.to_thread(run.hold, self._mirrors.using(issue.repository))
        base_branch = run.fix_job.base_branch or issue.default_branch
        branches = {base_branch, issue.default_branch}
        partial = issue.size_kb > MAX_WHOLE_HISTORY_KB
        try:
            await asyncio.to_thread(mirror.fetch, issue.clone_url, branches, partial=partial)
            refusal = await self._refuse_foreign_branch(mirror, issue, run)
            if refusal is not None:
                return refusal
            checkout = await asyncio.to_thread(self._check_out, mirror, issue, base_branch)
            sends_nothing = run.fix_job.options.dry_run or run.fix_job.issue.is_local
            if isinstance(checkout, Stop) or sends_nothing:
                return checkout
            sha = mirror.branch(issue.default_branch) or checkout.base_sha
            admitted = await asyncio.to_thread(obey_policy, mirror, checkout, sha)
            if isinstance(admitted, Stop):
                return admitted
            return await asyncio.to_thread(self._make_fork, run.fix_job.issue) or admitted
        except GitUnauthorized:
            raise  # the deployment's credentials: the run waits until they are replaced
        except (ForgeRefused, GitRefused) as error:  # the forge has no token for it any more
            return _rejected(f"{issue.repository} can't be fetched: {error}")

    def _find_access_refusal(self, ref: IssueRef, branch: str) -> str | None:
        try:
            return find_access_refusal(self._forge, ref, branch)
        except ForgeRefused as error:
            return str(error)

    def _make_fork(self, ref: IssueRef) -> Stop | None:
        """Make the fork that fixes are pushed to, if it is missing; return why it can't be made.

        It stays behind, so it is made only where a pull request is welcome.
        """
        try:
            if self._forge.existing_push_url(ref) is None:
                self._forge.push_url(ref)
        except ForgeRefused as error:
            return _rejected(str(error))
        return None

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
            sha = await asyncio.to_thread(self._branch_commit, mirror, run.fix_job.issue, branch)
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

    def _branch_commit(self, mirror: Mirror, ref: IssueRef, branch: str) -> str | None:
        """Return the commit of a branch in the repository that fixes are pushed to."""
        url = self._forge.existing_push_url(ref)
        if url is None:
            return None
        return mirror.remote_branch(url, branch)

    async def restore(self, result: Checkout, run: RunContext) -> None:
        """Fetch the recorded commit into this machine's mirror."""
        mirror = await asyncio.to_thread(run.hold, self._mirrors.using(result.repository))
        await asyncio.to_thread(fetch_commits, mirror, result)

    def _check_out(self, mirror: Mirror, issue: Issue, branch: str) -> Checkout | Stop:
        """Describe the branch's newest commit, or reject the run if it can't be worked on."""
        sha = mirror.branch(branch)
        if sha is None:
            if mirror.remote_has_branches(issue.clone_url):
                return _rejected(f"{issue.repository} has no branch {branch!r}")
            return _rejected(f"{issue.repository} is empty")
        try:
            refusal = self._fetch_files(mirror, issue, sha, branch)
        except GitError as error:
            if isinstance(error, GitRefused):
                raise
            log.warning("the files of %s can't be listed: %s", issue.repository, error)
            refusal = (
                f"the newest commit of {issue.repository} can't be read: run git fsck in the"
                " repository"
            )
        if refusal is not None:
            return _rejected(refusal)
        return Checkout(
            repository=issue.repository,
            clone_url=issue.clone_url,
            base_branch=branch,
            base_sha=sha,
            committed_at=mirror.commit_time(sha),
            described=mirror.describe(sha),
            partial=mirror.is_partial(),
            config=read_config(mirror, issue.clone_url, mirror.branch(issue.default_branch) or sha),
        )

    def _fetch_files(self, mirror: Mirror, issue: Issue, sha: str, branch: str) -> str | None:
        """Fetch the contents of a commit's files; return why they can't be worked on, or None."""
        name = issue.repository
        if mirror.has_more_files(sha, MAX_FILES):
            return _too_many_files(name)
        mirror.fetch_contents(issue.clone_url, sha)
        files = mirror.files(sha)
        if not files:
            return f"{name} has no files on {branch!r}"
        size = sum(entry.size for entry in files)
        limit = self._mirrors.limits.repository
        if limit is None or size <= limit:
            return None
        return _too_large(name, "its files", size, limit)


def obey_policy(mirror: Mirror, checkout: Checkout, sha: str) -> Checkout | Stop:
    """Reject the run if the repository's files forbid its pull request; else add their conditions.
    Blocks.

    Args:
        sha: of the default branch, whichever branch the job names.

    Raises:
        GitRefused, GitUnavailable: the files can't be fetched.
    """
    # The files of the base were counted before they were fetched.
    if sha != checkout.base_sha and mirror.has_more_files(sha, MAX_FILES):
        return _rejected(_too_many_files(checkout.repository))
    admission = read_admission(mirror, checkout.repository, checkout.clone_url, sha)
    if admission.refusal is not None:
        return _rejected(admission.refusal)
    conditions = tuple(str(quote) for quote in admission.conditions)
    return checkout.model_copy(update={"conditions": conditions})


def _find_size_refusal(issue: Issue, limit: int | None) -> str | None:
    """Return why a repository is too large to be fetched, by the forge's figure; None if it isn't.

    ``limit`` is in bytes; None for no limit.
    """
    size = issue.size_kb * 1000
    if limit is None or size <= limit:
        return None
    return _too_large(issue.repository, "all its branches", size, limit)


def fetch_commits(mirror: Mirror, checkout: Checkout) -> None:
    """Fetch what the mirror lacks of the recorded commits. Blocks."""
    _fetch_commit(mirror, checkout.clone_url, checkout.base_sha, partial=checkout.partial)
    if checkout.head is not None:
        _fetch_commit(mirror, checkout.head.url, checkout.head.sha, partial=checkout.partial)


def _fetch_commit(mirror: Mirror, url: str, sha: str, *, partial: bool) -> None:
    if not mirror.has_contents(sha):
        mirror.fetch(url, sha=sha, partial=partial)
        mirror.fetch_contents(url, sha)


def _too_large(repository: str, what: str, size: int, limit: int) -> str:
    return (
        f"{repository} is too large: {what} have {size // 1_000_000} MB, and"
        f" CODING_AGENT_MAX_REPOSITORY_MB allows {limit // 1_000_000}"
    )


def _too_many_files(repository: str) -> str:
    return f"{repository} is too large: a commit of it has more than {MAX_FILES} files"


def read_config(mirror: Mirror, url: str, sha: str) -> str | None:
    """Return the beginning of a commit's ``.coding-agent.toml``; None without one. Blocks."""
    mirror.fetch_contents(url, sha, [CONFIG])
    data = mirror.read(sha, CONFIG)
    return None if data is None else read_text(data)[:MAX_CONFIG]


def _rejected(reason: str) -> Stop:
    return Stop(Outcome.REJECTED, reason)
