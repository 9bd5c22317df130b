"""The title and the summary that an agent submits."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, RunResult
from pipeline.run_key import RunKey
from stages.propose_patch import Plan
from tests.stages.conversation import FIX, Client, Conversation, Prepared, tool

TITLE = "Add the numbers instead of subtracting them"

Converse = Callable[..., Conversation]


@pytest.fixture
def converse(tmp_path: Path, prepared: Prepared) -> Converse:
    """Return a function that makes the conversation with a model that gives these replies."""

    def make(*replies: str) -> Conversation:
        entries = [Entry(reply=reply, times=1, cost_usd=0.01) for reply in replies]
        return Conversation(tmp_path, prepared, Client(tuple(entries)), plan=Plan("agent"))

    return make


def review(dialogue: Conversation) -> str:
    """Return the answer to the first ``submit``."""
    return dialogue.client.sent[-1].messages[-1].content


def candidate(dialogue: Conversation, result: RunResult) -> dict[str, str]:
    """Return the candidate of the run's only round."""
    checkpoints = dialogue.store.checkpoints(RunKey(result.job_id, 0))
    (applied,) = [each.result for each in checkpoints if each.stage == "apply_patch"]
    (only,) = json.loads(applied)["candidates"]
    return dict(only)


async def test_the_title_of_the_last_submit_that_has_one_is_the_candidates(
    converse: Converse,
) -> None:
    dialogue = converse(FIX, tool("submit", summary="It adds.", title=TITLE), tool("submit"))
    result = await dialogue.run()
    assert result.outcome is Outcome.PROPOSED
    proposed = candidate(dialogue, result)
    assert (proposed["title"], proposed["summary"]) == (TITLE, "It adds.")
    assert "Give `title`" not in review(dialogue)


async def test_the_review_asks_for_a_title_that_is_missing(converse: Converse) -> None:
    submit = tool("submit", summary="It adds.")
    dialogue = converse(FIX, submit, tool("submit", summary="It adds.", title=TITLE))
    result = await dialogue.run()
    assert "Give `title` and `summary` with that call: The title is missing." in (review(dialogue))
    assert candidate(dialogue, result)["title"] == TITLE


async def test_the_review_names_a_summary_that_needs_the_conversation(converse: Converse) -> None:
    summary = "My first try was wrong; it adds now."
    dialogue = converse(FIX, tool("submit", summary=summary, title="Fix #1"), tool("submit"))
    await dialogue.run()
    answer = review(dialogue)
    assert "The title does not say what the change does." in answer
    assert "The summary speaks of the work on the change" in answer
