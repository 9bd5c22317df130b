"""Several requests for the same pull request: in one thread, again, and at the same time."""

import asyncio

import pytest

from pipeline.outcome import Outcome
from tests.end_to_end.reviewed_pull import (
    FOLLOW_UP,
    MAINTAINER,
    REPOSITORY,
    ReviewedPull,
    Waited,
)

ONE_ANSWER = FOLLOW_UP.replace("REPLY C2: Yes, it does.\n", "")
AGAIN = ONE_ANSWER.replace("1 + 1 = 2", "1 + 1 is 2")


@pytest.fixture
async def reviewed(reviewed: ReviewedPull) -> ReviewedPull:
    await reviewed.fix()
    return reviewed


async def test_an_objection_to_our_reply_is_answered_in_the_same_thread(
    reviewed: ReviewedPull,
) -> None:
    (comment,) = reviewed.review("Write the result, too.")
    await reviewed.answer(ONE_ANSWER)
    reviewed.github.reviews.reply_on_line(
        REPOSITORY, reviewed.pull.number, comment, MAINTAINER, "In words, please."
    )
    result = await reviewed.answer(AGAIN, job=reviewed.job_of("review-2"))
    assert result.outcome is Outcome.PR_UPDATED, result.reason
    assert len(reviewed.own_line_comments()) == 2


async def test_the_same_request_again_is_the_same_job(reviewed: ReviewedPull) -> None:
    reviewed.review("Write the result, too.")
    first = await reviewed.answer(ONE_ANSWER)
    again = await reviewed.answer(AGAIN)
    assert again == first
    assert reviewed.commits() == 2
    assert len(reviewed.own_line_comments()) == 1


async def test_of_two_reviews_at_the_same_time_one_waits_and_finds_the_answers(
    reviewed: ReviewedPull,
) -> None:
    reviewed.review("Write the result, too.")
    other = reviewed.job_of("review-2")
    waits: list[str] = []

    def deliver_the_other() -> None:
        try:
            asyncio.run(reviewed.answer(AGAIN, job=other))
        except Waited as wait:
            waits.append(str(wait))

    reviewed.meanwhile = deliver_the_other
    async with asyncio.timeout(60):
        result = await reviewed.answer(ONE_ANSWER)
    assert result.outcome is Outcome.PR_UPDATED, result.reason
    assert waits == [f"job {reviewed.job.id} works on the same pull request"]
    reviewed.meanwhile = lambda: None
    later = await reviewed.answer(AGAIN, job=other)
    assert later.outcome is Outcome.NO_CHANGE_NEEDED, later.reason
    assert later.cost_usd == 0
    assert reviewed.commits() == 2
    assert len(reviewed.own_line_comments()) == 1
