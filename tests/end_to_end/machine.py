"""One run in this process, against GitHub's stand-in, in as many deliveries as its waits make.

The whole pipeline runs with real git over HTTP, real PyGithub and a scripted model. The repository
has no tests, so that a run is short.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli import wiring
from pipeline.job import FixIssueJob
from pipeline.model import ModelReply, ModelRequest
from pipeline.outcome import RunResult
from pipeline.worker.one_job import run_job
from tests.end_to_end.scripted_app import Complete, build_app
from tests.stand_ins.github import READ_TOKEN, WRITE_TOKEN, GithubStandIn

REPOSITORY = "octo/calc"
FINE = "github_pat_standIn0000"
REPLY = "calc.txt\n<<<<<<< SEARCH\n1 - 1\n=======\n1 + 1\n>>>>>>> REPLACE\n"
COST = 0.01

Spoil = Callable[[GithubStandIn], object]


@contextmanager
def github_with_issue(folder: Path) -> Iterator[GithubStandIn]:
    """Run a stand-in with one repository and its issue #1."""
    tokens = {WRITE_TOKEN: "write", READ_TOKEN: "read", FINE: "write"}
    with GithubStandIn(folder, tokens=tokens) as github:  # type: ignore[arg-type]
        github.add_repository(
            REPOSITORY, {"calc.txt": "1 - 1\n"}, private=True, collaborators=["ada"]
        )
        comments = [("octo", "It is line 1.")]
        github.add_issue(
            REPOSITORY, "A wrong sign", "calc.txt should say 1 + 1.", comments=comments
        )
        github.limit(FINE, contents="write", issues="read", pull_requests="write")
        yield github


@dataclass
class Run:
    """A run to its end, in as many deliveries as its waits make."""

    result: RunResult
    waits: list[str] = field(default_factory=list)
    """The reasons why it waited."""


class _Waited(Exception):
    """The run waits: its next delivery begins at once."""


@dataclass
class Machine:
    """Where runs leave their store and mirrors."""

    folder: Path
    github: GithubStandIn

    async def run(
        self,
        token: str = WRITE_TOKEN,
        *,
        meanwhile: Spoil | None = None,
        options: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Run:
        """Run the issue's job; ``meanwhile`` happens while the model is thinking.

        Args:
            options: of the job, such as ``draft``.
            settings: over those of the machine.
        """
        app = self._app(token, meanwhile, settings)
        job = FixIssueJob.model_validate(
            {"issue_url": self.github.issue_url(REPOSITORY, 1), "options": options or {}}
        )
        waits: list[str] = []

        def wait(seconds: float, reason: str) -> None:
            assert seconds >= 60, "GitHub asks for at least a minute"
            waits.append(reason)
            raise _Waited

        try:
            while True:
                try:
                    event, _ = await run_job(job, app.store, app.engine, on_wait=wait)
                except _Waited:
                    continue
                assert isinstance(event.data, RunResult)
                return Run(event.data, waits)
        finally:
            app.store.close()

    def _app(self, token: str, meanwhile: Spoil | None, settings: dict[str, Any]) -> wiring.App:
        def watch(complete: Complete) -> Complete:
            async def watched(request: ModelRequest) -> ModelReply:
                reply = await complete(request)
                if meanwhile is not None:
                    meanwhile(self.github)
                return reply

            return watched

        script = [{"reply": REPLY, "cost_usd": COST}]
        return build_app(
            self.folder, self.github, script, {"github_token": token, **settings}, watch
        )


def left_behind(github: GithubStandIn) -> tuple[set[str], int]:
    """Return the branches of ours, and the number of pull requests."""
    branches = {name for _, name in github.branches() if name.startswith("coding-agent/")}
    return branches, len(github.pulls(REPOSITORY))
