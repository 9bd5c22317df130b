"""A run that answered a review, as its report, its story and its page show it."""

from contextlib import closing
from pathlib import Path

import pytest

from cli.jobs.story import tell
from console.page.rendering import render_page
from console.runs.finding import find_run
from console.runs.report import ReportReader, RunReport
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.outcome import Outcome
from pipeline.store.sqlite import SqliteStore
from tests.end_to_end.reviewed_pull import FOLLOW_UP, REPOSITORY, ReviewedPull
from tests.stand_ins.github import GithubStandIn


async def test_the_pull_requests_number_names_the_answer_to_its_review(
    tmp_path: Path, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewed = ReviewedPull(tmp_path, github, monkeypatch)
    await reviewed.fix()
    reviewed.review("Write the <b>result</b>, too.", "Is that all?")
    await reviewed.answer(FOLLOW_UP)
    report = read_report(tmp_path / "data", f"{REPOSITORY}#{reviewed.pull.number}")
    check_report(report)
    check_story("\n".join(line.text for line in tell(report, 80)))
    check_page(render_page(report).decode())


def read_report(data: Path, name: str) -> RunReport:
    with closing(SqliteStore(data / "store.sqlite")) as store:
        limits = EffectiveLimits(3.0, 30.0, 3)
        reader = ReportReader(store, FolderArtifacts(data / "artifacts"), str, limits)
        return reader.read(find_run(store, name))


def check_report(report: RunReport) -> None:
    assert report.run.outcome == Outcome.PR_UPDATED
    assert report.headline.outcome == "Updated pull request #2"
    assert report.title == "A wrong sign"
    assert report.review is not None
    assert [remark.comment.author for remark in report.review.remarks] == ["ada", "ada"]
    commit, *replies = report.effects
    assert commit.summary.endswith(f" on branch {report.review.branch}")
    assert [(reply.name, reply.is_done) for reply in replies] == [("reply", True)] * 2
    assert "the result is there now" in replies[0].text
    assert replies[0].url is not None


def check_story(story: str) -> None:
    assert "Review   2 comments on pull request #2" in story
    assert "ada: Is that all?" in story
    assert "/issues/1" in story


def check_page(page: str) -> None:
    assert "C1, by ada, on calc.txt, line 1" in page
    assert "Is that all?" in page
    assert "<b>result</b>" not in page
