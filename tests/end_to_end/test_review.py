"""What a maintainer sees after a review, and what the event says."""

from pathlib import Path

import pytest

from pipeline.outcome import Outcome
from tests.end_to_end.reviewed_pull import FOLLOW_UP, ReviewedPull
from tests.stand_ins.github import GithubStandIn


@pytest.fixture
def reviewed(
    tmp_path: Path, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> ReviewedPull:
    return ReviewedPull(tmp_path, github, monkeypatch)


async def test_two_comments_become_one_commit_and_two_replies(reviewed: ReviewedPull) -> None:
    await reviewed.fix()
    first, second = reviewed.review("Write the result, too.", "Is that all?")
    result = await reviewed.answer(FOLLOW_UP)
    assert result.outcome is Outcome.PR_UPDATED, result.reason
    assert reviewed.text() == "1 + 1 = 2\n"
    assert reviewed.commits() == 2
    (done,) = reviewed.replies(first)
    assert "the result is there now" in done
    assert f"Follow-up commit: {reviewed.head_sha} (not verified)." in done
    assert len(reviewed.replies(second)) == 1
    assert result.pull_request_number == reviewed.pull.number
    assert "Write the result, too." in reviewed.asked[-1]
