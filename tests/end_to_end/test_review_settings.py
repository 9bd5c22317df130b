"""A review is answered where fixes are pushed to a fork, and with a progress comment."""

from pipeline.github.progress_comment import MARKER
from pipeline.outcome import Outcome
from tests.end_to_end.reviewed_pull import FOLLOW_UP, REPOSITORY, ReviewedPull
from tests.stand_ins.github import READ_TOKEN, GithubStandIn

ONE_ANSWER = FOLLOW_UP.replace("REPLY C2: Yes, it does.\n", "")


async def test_a_follow_up_is_pushed_to_the_fork_that_has_the_branch(
    reviewed: ReviewedPull, github: GithubStandIn
) -> None:
    settings = {"github_token": READ_TOKEN, "push": "fork"}
    await reviewed.fix(**settings)
    (comment,) = reviewed.review("Write the result, too.")
    result = await reviewed.answer(ONE_ANSWER, **settings)
    assert result.outcome is Outcome.PR_UPDATED, result.reason
    fork = github.fork_of(REPOSITORY)
    assert fork is not None
    assert github.files(fork, reviewed.pull.head)["calc.txt"] == b"1 + 1 = 2\n"
    assert github.sha(REPOSITORY, reviewed.pull.head) is None
    assert len(reviewed.replies(comment)) == 1


async def test_a_progress_comment_is_edited_and_answers_nothing(
    reviewed: ReviewedPull, github: GithubStandIn
) -> None:
    await reviewed.fix(progress_comment=True)
    (on_issue,) = github.reviews.comments(REPOSITORY, 1)
    ended = "Work on this issue has ended: pull request #2 is open (*not verified*)."
    assert on_issue.body == f"{MARKER}\n{ended}"
    reviewed.review("Write the result, too.")
    result = await reviewed.answer(ONE_ANSWER, progress_comment=True)
    assert result.outcome is Outcome.PR_UPDATED, result.reason
    (on_pull,) = reviewed.notes()
    assert on_pull.startswith(f"{MARKER}\nWork on the review of this pull request has ended: ")
