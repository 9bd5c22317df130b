"""A golden pull request as text: rendered by the real stage, against the stand-in for GitHub."""

import asyncio
import tempfile
from pathlib import Path

from prompts.filters import fenced
from tests.golden_pulls.cases import Case, prepare
from tests.stages.open_pr.scenario import FILES, REPOSITORY, Scenario
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.runs import claim

FOLDER = Path(__file__).parent


def file_of(case: Case) -> Path:
    return FOLDER / f"{case.name}.md"


def render(case: Case) -> str:
    """Return title, state, commit message and body of the pull request of a case, as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with GithubStandIn(folder / "github") as github:
            github.add_repository(REPOSITORY, FILES)
            scenario = Scenario(folder, github)
            prepare(case, scenario)
            base_sha = github.sha(REPOSITORY, "main")
            asyncio.run(scenario.open(claim(scenario.store)))
            (pull,) = scenario.pulls
            state = "draft" if pull.draft else "ready for review"
            body = (pull.issue.body or "").replace(str(base_sha), "b" * 40)
            message = fenced(scenario.message())
    return f"# {pull.issue.title}\n\n*{state}*\n\nThe commit:\n\n{message}\n\n---\n\n{body}"
