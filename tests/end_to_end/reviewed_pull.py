"""A pull request that a fix has opened, and what a maintainer does on it: for runs that answer.

The whole pipeline runs in this process, with real git over HTTP and real PyGithub against the
stand-in, and a scripted model. The repository has no tests, so that a run is short.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli import wiring
from pipeline.job import AddressReviewJob, FixIssueJob, Job
from pipeline.model import ModelReply, ModelRequest
from pipeline.outcome import Outcome, RunResult
from pipeline.worker.one_job import run_job
from tests.end_to_end.scripted_app import Complete, build_app, clear_environment
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn
from tests.stand_ins.github.reviews import OnLine
from tests.stand_ins.github.world import Pull, git

REPOSITORY = "octo/calc"
MAINTAINER = "ada"
OWN_LOGIN = "write-bot"
COST = 0.01
#: A reply that a run must not get to.
UNASKED = "The model was asked."
FIX = "The sign.\n\ncalc.txt\n<<<<<<< SEARCH\n1 - 1\n=======\n1 + 1\n>>>>>>> REPLACE\n"
#: The follow-up: a whole new change against the base, with an answer to each of two comments.
FOLLOW_UP = """The sum is written out.

calc.txt
<<<<<<< SEARCH
1 - 1
=======
1 + 1 = 2
>>>>>>> REPLACE

REPLY C1: Done: the result is there now.
REPLY C2: Yes, it does.
"""
ANSWERS = "REPLY C1: It is right as it is.\nREPLY C2: Yes, it does.\n"


class Waited(Exception):
    """The run waits; the text says why."""


class ReviewedPull:
    """The deployment, the repository and its pull request."""

    def __init__(self, folder: Path, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch):
        clear_environment(monkeypatch)
        self.github = github
        self._folder = folder
        self.asked: list[str] = []
        """The last message of each request to the model."""
        self.meanwhile: Callable[[], object] = lambda: None
        """Happens while the model thinks about a review."""
        github.add_repository(REPOSITORY, {"calc.txt": "1 - 1\n"}, collaborators=[MAINTAINER])
        github.add_issue(REPOSITORY, "A wrong sign", "calc.txt should say 1 + 1.")

    async def fix(self, *replies: str, **settings: Any) -> None:
        """Open the pull request."""
        job = FixIssueJob(issue_url=self.github.issue_url(REPOSITORY, 1))
        result = await self.run(job, *(replies or (FIX,)), **settings)
        assert result.outcome is Outcome.PR_OPENED, result.reason

    @property
    def pull(self) -> Pull:
        (pull,) = self.github.pulls(REPOSITORY)
        return pull

    @property
    def job(self) -> AddressReviewJob:
        return self.job_of("review-1")

    def job_of(self, request: str, **fields: Any) -> AddressReviewJob:
        url = self.github.issue_url(REPOSITORY, 1).replace("/issues/1", f"/pull/{self.pull.number}")
        return AddressReviewJob.of(url, request, **fields)

    def review(self, *bodies: str, author: str = MAINTAINER) -> list[int]:
        """Submit a review with comments on the first line; return their ids."""
        comments = [OnLine("calc.txt", 1, body) for body in bodies]
        _, *ids = self.github.reviews.submit(
            REPOSITORY, self.pull.number, author, comments=comments
        )
        return ids

    async def answer(self, *replies: str, job: Job | None = None, **settings: Any) -> RunResult:
        """Run a job that answers the review. Without replies, the model must not be asked."""
        return await self.run(job or self.job, *(replies or (UNASKED,)), **settings)

    async def run(self, job: Job, *replies: str, **settings: Any) -> RunResult:
        app = self._app(replies, settings)

        def wait(seconds: float, reason: str) -> None:
            raise Waited(reason)

        try:
            event, _ = await run_job(job, app.store, app.engine, on_wait=wait)
        finally:
            app.store.close()
        assert isinstance(event.data, RunResult)
        return event.data

    def _app(self, replies: tuple[str, ...], settings: dict[str, Any]) -> wiring.App:
        def watch(complete: Complete) -> Complete:
            async def watched(request: ModelRequest) -> ModelReply:
                self.asked.append(request.messages[-1].content)
                reply = await complete(request)
                await asyncio.to_thread(self.meanwhile)
                return reply

            return watched

        script = [{"reply": text, "times": 1, "cost_usd": COST} for text in replies]
        return build_app(
            self._folder, self.github, script, {"github_token": WRITE_TOKEN, **settings}, watch
        )

    # What the maintainer sees

    def commits(self) -> int:
        """Return the number of commits of the pull request."""
        path = self.github.path(REPOSITORY)
        counted = git(path, "rev-list", "--count", f"main..{self.pull.head}")
        return int(counted.stdout)

    def message(self) -> str:
        """Return the message of the newest commit."""
        path = self.github.path(REPOSITORY)
        shown = git(path, "show", "--no-patch", "--format=%B", self.pull.head)
        return shown.stdout.decode()

    @property
    def head_sha(self) -> str:
        """The newest commit of the pull request."""
        sha = self.github.sha(REPOSITORY, self.pull.head)
        assert sha is not None
        return sha

    def text(self) -> str:
        """Return the file as the pull request has it."""
        return self.github.files(REPOSITORY, self.pull.head)["calc.txt"].decode()

    def replies(self, comment_id: int) -> list[str]:
        """Return the replies of ours in a comment's thread."""
        comments = self.github.reviews.line_comments(REPOSITORY, self.pull.number)
        return [each.body for each in comments if each.in_reply_to == comment_id]

    def own_line_comments(self) -> list[str]:
        """Return what we have written on lines of the pull request."""
        comments = self.github.reviews.line_comments(REPOSITORY, self.pull.number)
        return [comment.body for comment in comments if comment.author == OWN_LOGIN]

    def own_notes(self) -> list[str]:
        """Return what we have written below the pull request."""
        comments = self.github.reviews.comments(REPOSITORY, self.pull.number)
        return [comment.body for comment in comments if comment.author == OWN_LOGIN]

    def notes(self) -> list[str]:
        """Return the comments below the pull request."""
        comments = self.github.reviews.comments(REPOSITORY, self.pull.number)
        return [comment.body for comment in comments]
