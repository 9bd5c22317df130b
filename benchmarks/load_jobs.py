"""The jobs of the load test: which issue each is about, and how its run must end.

Most issues are closed, so that their runs end after a look at GitHub. Every fiftieth run goes
through all stages to a pull request.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.job import parse_job
from pipeline.outcome import Outcome
from tests.stand_ins.github import GithubStandIn

#: Issues in a repository, one for each of so many jobs.
ISSUES_PER_REPOSITORY = 2000
#: Every so many issues, one is open.
FIXED_EVERY = 50
#: What the model replies to each request: the fix of every open issue.
REPLY = """The answer is one too small.

calc.py
<<<<<<< SEARCH
    return 41
=======
    return 42
>>>>>>> REPLACE
"""
_SOURCE = "def answer():\n    return 41\n"


@dataclass(frozen=True)
class LoadJob:
    """The job with this number, from 0."""

    number: int

    @property
    def repository(self) -> str:
        return f"octo/load-{self.number // ISSUES_PER_REPOSITORY}"

    @property
    def issue(self) -> int:
        return self.number % ISSUES_PER_REPOSITORY + 1

    @property
    def body(self) -> str:
        url = f"https://github.com/{self.repository}/issues/{self.issue}"
        return json.dumps({"issue_url": url})

    @property
    def job_id(self) -> str:
        return parse_job(self.body).id

    @property
    def outcome(self) -> Outcome:
        return Outcome.PR_OPENED if self.number % FIXED_EVERY == 0 else Outcome.REJECTED


def add_issues(github: GithubStandIn, jobs: int) -> None:
    """Add the issues of so many jobs, with their repositories."""
    for job in map(LoadJob, range(jobs)):
        if job.issue == 1:
            github.add_repository(job.repository, {"calc.py": _SOURCE})
        is_open = job.outcome is Outcome.PR_OPENED
        github.add_issue(
            job.repository,
            "The answer is wrong",
            "calc.answer() returns 41, not 42.",
            state="open" if is_open else "closed",
        )


def write_reply(folder: Path) -> Path:
    """Write the file for ``CODING_AGENT_MODEL=scripted:FILE``."""
    file = folder / "reply.md"
    file.write_text(REPLY, encoding="utf-8")
    return file
