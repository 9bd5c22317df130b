"""The issue that a command works on: one on GitHub, or a file about a local repository."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cli import exits
from cli.command import CommandError
from cli.issue_file import read_issue_file
from pipeline.job import FixIssueJob, explain

if TYPE_CHECKING:
    from pipeline.github import Forge


@dataclass(frozen=True)
class IssueSource:
    """The options that name an issue: ``issue_url``, or ``repo`` with ``issue_file``."""

    issue_url: str | None
    repo: Path | None
    issue_file: Path | None

    def to_job(self, **fields: object) -> "tuple[FixIssueJob, Forge | None]":
        """Return the job with these ``fields``, and the forge of a local repository (None for an
        issue on GitHub). Ends the command if the options or the repository are wrong.
        """
        if self.issue_url is not None and self.repo is None and self.issue_file is None:
            return _make_job(self.issue_url, fields), None
        if self.issue_url is None and self.repo is not None and self.issue_file is not None:
            return _local_job(self.repo, self.issue_file, fields)
        raise CommandError("give an ISSUE_URL, or --repo PATH with --issue-file FILE", exits.USAGE)


def _local_job(
    repo: Path, issue_file: Path, fields: dict[str, object]
) -> "tuple[FixIssueJob, Forge]":
    from pipeline.github.local import local_issue_url

    title, body = read_issue_file(issue_file)
    job = _make_job(local_issue_url(repo, f"{title}\n{body}"), fields)
    return job, _local_forge(repo, title, body, job)


def _make_job(issue_url: str, fields: dict[str, object]) -> FixIssueJob:
    try:
        return FixIssueJob.model_validate({"issue_url": issue_url, **fields})
    except ValidationError as error:
        raise CommandError(explain(error), exits.USAGE) from None


def _local_forge(repo: Path, title: str, body: str, job: FixIssueJob) -> "Forge":
    """Open the repository before the job starts: a wrong option must not end the job."""
    from pipeline.github import ForgeRefused
    from pipeline.github.issue_pulls import BRANCHES
    from pipeline.github.local import LocalForge

    forge = LocalForge(repo, title, body)
    try:
        branch = forge.repository(job.issue).default_branch
    except ForgeRefused as error:
        raise CommandError(f"--repo: {error}", exits.USAGE) from None
    if branch.startswith(BRANCHES) and job.base_branch is None:
        raise CommandError(
            f"--repo: it is on {branch}, a branch of an earlier run: check out the branch to start"
            " from, or give --base-branch",
            exits.USAGE,
        )
    return forge
