"""A golden pull request as text: rendered by the real stage, against the stand-in for GitHub."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from prompts.filters import fenced
from tests.golden_pulls.cases import Case, prepare
from tests.stages.open_pr.scenario import FILES, REPOSITORY, Scenario
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.runs import claim

FOLDER = Path(__file__).parent


def file_of(case: Case) -> Path:
    return FOLDER / f"{case.name}.md"


@dataclass(frozen=True)
class GoldenPull:
    """A pull request with its commit."""

    title: str
    draft: bool
    message: str
    body: str

    def to_markdown(self) -> str:
        state = "draft" if self.draft else "ready for review"
        commit = f"The commit:\n\n{fenced(self.message)}"
        return f"# {self.title}\n\n*{state}*\n\n{commit}\n\n---\n\n{self.body}"


def render(case: Case) -> GoldenPull:
    """Return the pull request of a case, with its base commit's SHA replaced by a fixed one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with GithubStandIn(folder / "github") as github:
            github.add_repository(REPOSITORY, FILES)
            scenario = Scenario(folder, github)
            prepare(case, scenario)
            base_sha = str(github.sha(REPOSITORY, "main"))
            asyncio.run(scenario.open(claim(scenario.store)))
            (pull,) = scenario.pulls
            return GoldenPull(
                title=pull.issue.title,
                draft=pull.draft,
                message=scenario.message(),
                body=(pull.issue.body or "").replace(base_sha, "b" * 40),
            )
