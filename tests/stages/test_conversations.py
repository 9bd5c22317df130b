"""One scripted conversation for each path that a run can take, through engine and stages."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.budget import EffectiveLimits
from pipeline.engine.engine import Deferred
from pipeline.model.buyer import MAX_WAIT
from pipeline.model.replay import ReplayClient
from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, Verification
from pipeline.run_key import RunKey
from stages.propose_patch.round_note import SentBackNote
from tests.stages.conversation import (
    OTHER_WRONG,
    RIGHT,
    WRONG,
    Client,
    Conversation,
    Prepared,
)
from tests.stand_ins.runs import job

FAILS = "tests fail that must pass"


Converse = Callable[..., Conversation]


@pytest.fixture
def converse(tmp_path: Path, prepared: Prepared) -> Converse:
    return lambda *entries, **more: Conversation(tmp_path, prepared, Client(entries), **more)


def says(reply: str, when: str | None = None, times: int | None = None, **more: object) -> Entry:
    return Entry.model_validate(
        {"reply": reply, "when": when, "times": times, "cost_usd": 0.01} | more
    )


async def test_a_correct_first_reply_is_proposed(converse: Converse) -> None:
    dialogue = converse(says(RIGHT))
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert (result.rounds, result.cost_usd, len(dialogue.client.sent)) == (1, 0.01, 1)
    assert "+    return a + b" in dialogue.artifact(result)


async def test_a_second_round_shows_the_failure_and_the_change(converse: Converse) -> None:
    dialogue = converse(says(RIGHT, FAILS), says(WRONG))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 2)
    second = dialogue.client.prompts[1]
    assert "6 != 4" in second and "+    return a * 3" in second
    assert re.search(r"\d\.\d+ ?s\b", second) is None and str(dialogue.folder) not in second


async def test_a_round_that_is_sent_back_stores_the_failing_tests_and_their_log(
    converse: Converse,
) -> None:
    dialogue = converse(says(RIGHT, FAILS), says(WRONG))
    await dialogue.run()
    (opened,) = dialogue.store.rounds(RunKey(job().id, 0))
    note = SentBackNote.model_validate(opened.note)
    assert note.summary == "1 test that must pass fails: test_calc.TestCalc::test_double"
    (returned,) = note.candidates
    assert returned.failing == ("test_calc.TestCalc::test_double",)
    assert returned.failing_count == 1
    assert returned.log_key is not None
    assert b"6 != 4" in dialogue.artifacts.get(returned.log_key)


async def test_a_model_that_says_what_is_missing_ends_the_run(converse: Converse) -> None:
    dialogue = converse(says("NEEDS_INFO: which numbers?\nAnd @octocat."))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.NEEDS_INFO, 1)
    assert "which numbers?" in result.reason
    assert "which numbers?" in dialogue.artifact(result, "exchange")


async def test_a_repeated_change_is_not_tested_and_then_ends_the_run(
    converse: Converse,
) -> None:
    dialogue = converse(says(WRONG))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.NO_FIX, 3)
    assert "stuck: the model proposed the change of round 1 again" in result.reason
    assert [request.temperature for request in dialogue.client.sent] == [None, None, 0.8], (
        "the approach was changed first"
    )
    assert "Do not repeat it" in dialogue.client.prompts[2]
    assert "+    return a * 3" in dialogue.artifact(result), "the best there was is attached"


async def test_alternating_between_two_changes_ends_the_run(converse: Converse) -> None:
    dialogue = converse(
        says(WRONG, times=1),
        says(OTHER_WRONG, times=1),
        says(WRONG, times=1),
        says(OTHER_WRONG, times=1),
        limits=EffectiveLimits(1.0, 30.0, 9),
    )
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.NO_FIX, 4)
    assert "stuck" in result.reason


async def test_three_unusable_replies_end_the_run(converse: Converse) -> None:
    dialogue = converse(says("I do not know."))
    result = await dialogue.run()
    assert (result.outcome, result.rounds, len(dialogue.client.sent)) == (Outcome.NO_FIX, 3, 3)
    assert "stuck: 3 rounds ended the same way" in result.reason


async def test_a_content_refusal_ends_as_no_fix_unless_the_fallback_replies(
    converse: Converse,
) -> None:
    dialogue = converse(Entry(status=400, code="content_policy_violation"))
    result = await dialogue.run()
    assert (result.outcome, result.cost_usd) == (Outcome.NO_FIX, 0.0)
    assert "content policy" in result.reason


async def test_every_ending_names_the_templates_that_were_used(converse: Converse) -> None:
    result = await converse(says("I do not know.")).run()
    assert result.outcome is Outcome.NO_FIX
    assert sorted(result.templates) == ["propose", "propose_system"]


async def test_a_prompt_that_is_too_long_is_shortened(converse: Converse) -> None:
    dialogue = converse(Entry(status=400, code="context_length_exceeded", times=1), says(RIGHT))
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    assert len(dialogue.client.sent) == 2
    failures: list[str] = []
    for file in dialogue.artifacts.root.rglob("*exchange.json"):
        exchange = json.loads(file.read_text())
        failures.append(str(exchange.get("failure")))
    assert sorted(failures) == ["CONTEXT", "None"], "a replay meets the failure, too"
    recorded = ReplayClient.load(dialogue.artifacts.root)
    assert (await recorded.complete(dialogue.client.sent[1])).content == RIGHT


async def test_a_prompt_too_long_at_any_size_ends_the_run_at_no_cost(converse: Converse) -> None:
    dialogue = converse(Entry(status=400, code="context_length_exceeded"))
    result = await dialogue.run()
    assert (result.outcome, result.cost_usd, len(dialogue.client.sent)) == (Outcome.NO_FIX, 0.0, 3)


async def test_a_rate_limit_is_waited_for_and_each_attempt_is_a_call(converse: Converse) -> None:
    dialogue = converse(Entry(status=429, headers={"retry-after": "7"}, times=2), says(RIGHT))
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    assert dialogue.waited == [7.0, 7.0] and dialogue.machines == 1


async def test_a_long_rate_limit_defers_the_run(converse: Converse) -> None:
    dialogue = converse(Entry(status=429, headers={"retry-after": "600"}, times=1), says(RIGHT))
    answer = await dialogue.deliver()
    assert isinstance(answer, Deferred)
    assert answer.delay >= 600.0 > MAX_WAIT
    assert dialogue.waited == []
    assert (await dialogue.run()).outcome is Outcome.PROPOSED


async def test_an_overloaded_model_is_replaced_by_the_fallback(converse: Converse) -> None:
    dialogue = converse(Entry(status=503, times=2), says(RIGHT), fallback="second")
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    lengths = [(request.model, request.max_tokens) for request in dialogue.client.sent]
    assert lengths == [("m", None), ("m", 16), ("second", None)]


async def test_a_revoked_key_is_waited_for_at_no_cost(converse: Converse) -> None:
    dialogue = converse(Entry(status=401, code="invalid_api_key", times=7), says(RIGHT))
    result = await dialogue.run()
    assert (result.outcome, dialogue.machines, result.rounds) == (Outcome.PROPOSED, 8, 1)
    assert result.cost_usd == 0.01


async def test_an_outage_of_hours_costs_one_call_and_some_short_questions(
    converse: Converse,
) -> None:
    dialogue = converse(Entry(drop=True, times=8, cost_usd=0.1), says(RIGHT))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 1)
    lengths = [request.max_tokens for request in dialogue.client.sent]
    assert lengths == [None, *[16] * 8, None]


async def test_the_best_change_is_kept_when_the_budget_runs_out(converse: Converse) -> None:
    dialogue = converse(says(WRONG, cost_usd=0.6))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.BUDGET_EXHAUSTED, 2)
    assert "+    return a * 3" in dialogue.artifact(result)
