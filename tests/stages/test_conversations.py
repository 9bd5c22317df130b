"""One scripted conversation for each path that a run can take, through engine and stages."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.backoff import backoff
from pipeline.budget import EffectiveLimits
from pipeline.engine.engine import Deferred
from pipeline.model.buyer import MAX_WAIT
from pipeline.model.replay import ReplayClient
from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, Verification
from stages.propose_patch import Plan
from tests.stages.conversation import (
    OTHER_WRONG,
    RIGHT,
    WRONG,
    Client,
    Conversation,
    Prepared,
    block,
)

BALANCED = Plan("balanced", candidates=3)
TEST = """import unittest

from calc import add


class TestIssue(unittest.TestCase):
    def test_issue(self):
        self.assertEqual(add(1, 1), {expected})
"""
REPRODUCTION = "It adds.\n\n" + block("test_issue.py", "", TEST.format(expected=2))
#: Only the model's last words differ; the change is RIGHT's.
RIGHT_IN_OTHER_WORDS = "Plus.\n\n" + block(
    "calc.py", "    return a - b\n", "    # a sum\n    return a + b\n"
)
LONGER = "Longer.\n\n" + block("calc.py", "    return a - b\n", "    b = -b\n    return a - b\n")
FAILS = "tests fail that must pass"
TESTS_ASKED = "new test file that fails"


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


async def test_a_reproduction_test_judges_the_candidates(
    converse: Converse,
) -> None:
    dialogue = converse(says(REPRODUCTION, TESTS_ASKED), says(RIGHT), plan=BALANCED)
    suite = dialogue.prepared.suite
    assert suite.base
    # The repository's own tests say nothing of the issue: the proof is the reproduction's.
    green = {test: status for test, status in suite.base.results.items() if status == "passed"}
    dialogue.suite = suite.model_copy(
        update={"base": suite.base.model_copy(update={"results": green, "failures": {}})}
    )
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert "1 test made from the issue, not part of the change, failed before it" in result.reason
    assert len(dialogue.client.sent) == 4 and "def test_issue" in dialogue.client.prompts[1]
    assert [request.temperature for request in dialogue.client.sent] == [None, None, 0.8, 0.8]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (
            block("test_issue.py", "", TEST.format(expected=2).replace("add(", "ad(")),
            "not because of the issue",
        ),
        (
            block("test_issue.py", "", TEST.format(expected=2).replace("calc", "calk")),
            "could not be run",
        ),
        (
            block("test_calc.py", "from calc import add, double\n", "from calc import double\n"),
            "already exists",
        ),
        (block("check_issue.py", "", TEST.format(expected=2)), None),
        (block("test_issue.py", "def nothing\n", "x\n"), "test_issue.py"),
    ],
    ids=[
        "a wrong name",
        "an import error",
        "an existing file",
        "not a test's name",
        "an edit that fits nowhere",
    ],
)
async def test_a_reproduction_test_that_proves_nothing_is_discarded(
    converse: Converse, reply: str, verdict: str | None
) -> None:
    dialogue = converse(
        says(f"It adds.\n\n{reply}", TESTS_ASKED),
        says("NO_TEST: I can't.", "does not reproduce"),
        says(RIGHT),
        plan=Plan("balanced", candidates=1),
    )
    result = await dialogue.run()
    assert result.outcome is Outcome.PROPOSED
    if verdict:
        assert verdict in dialogue.client.prompts[1] and len(dialogue.client.sent) == 3
    assert "Reproduction test" not in dialogue.client.prompts[-1]


async def test_candidates_are_chosen_by_tests_and_then_by_majority(converse: Converse) -> None:
    replies = (WRONG, LONGER, RIGHT, RIGHT_IN_OTHER_WORDS)
    entries = [says(reply, times=1) for reply in replies]
    dialogue = converse(
        says("NO_TEST: no.", TESTS_ASKED), *entries, plan=Plan("balanced", candidates=4)
    )
    result = await dialogue.run()
    assert result.outcome is Outcome.PROPOSED and result.rounds == 1
    patch = dialogue.artifact(result)
    assert "+    return a + b" in patch and "# a sum" not in patch, (
        "two agree, and the smaller of them is taken"
    )


async def test_a_reproduction_that_passes_on_the_base_ends_the_run(
    converse: Converse,
) -> None:
    passes = "It subtracts.\n\n" + block("test_issue.py", "", TEST.format(expected=0))
    dialogue = converse(
        says(passes, TESTS_ASKED),
        says("ALREADY_FIXED: calc.add does so.", "It passes on the unchanged repository"),
        plan=BALANCED,
    )
    result = await dialogue.run()
    assert result.outcome is Outcome.NO_CHANGE_NEEDED
    assert "1 test made from the issue passes" in result.reason
    assert "calc.add does so" in result.reason
    assert "+class TestIssue" in dialogue.artifact(result, "reproduction")
    assert "1 tests run" in dialogue.artifact(result, "test log")


async def test_already_fixed_without_a_passing_test_is_not_believed(
    converse: Converse,
) -> None:
    dialogue = converse(says("ALREADY_FIXED: trust me.", TESTS_ASKED), says(RIGHT), plan=BALANCED)
    assert (await dialogue.run()).outcome is Outcome.PROPOSED


@pytest.mark.parametrize("strategy", ["single", "balanced"])
async def test_a_model_that_says_what_is_missing_ends_the_run(
    converse: Converse, strategy: str
) -> None:
    dialogue = converse(says("NEEDS_INFO: which numbers?\nAnd @octocat."), plan=Plan(strategy))  # type: ignore[arg-type]
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
    assert "Do not repeat them" in dialogue.client.prompts[2]
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


async def test_one_models_refusal_keeps_the_candidates_of_another(
    converse: Converse,
) -> None:
    dialogue = converse(
        says("NO_TEST: no.", TESTS_ASKED),
        says(RIGHT, times=1),
        Entry(status=400, code="content_policy_violation"),
        plan=Plan("balanced", candidates=2, models=("m", "other")),
    )
    result = await dialogue.run()
    assert result.outcome is Outcome.PROPOSED
    assert [request.model for request in dialogue.client.sent[-2:]] == ["m", "other"]


async def test_a_repeated_prompt_is_marked_for_the_providers_cache(
    converse: Converse,
) -> None:
    dialogue = converse(says(RIGHT), plan=Plan("balanced", candidates=3, models=("m", "other")))
    await dialogue.run()
    candidates = dialogue.client.sent[-3:]
    assert all(TESTS_ASKED not in request.messages[-1].content for request in candidates)
    assert [(request.model, request.messages[-1].reused) for request in candidates] == [
        ("m", True),
        ("other", False),
        ("m", True),
    ]


async def test_every_ending_names_the_templates_that_were_used(converse: Converse) -> None:
    result = await converse(says("I do not know.")).run()
    assert result.outcome is Outcome.NO_FIX
    assert sorted(result.templates) == ["propose", "propose_system"]


async def test_templates_of_a_discarded_reproduction_count_as_used(converse: Converse) -> None:
    dropped = await converse(says("NO_TEST: no.", TESTS_ASKED), says(RIGHT), plan=BALANCED).run()
    assert sorted(dropped.templates) == [
        "propose",
        "propose_system",
        "reproduce",
        "reproduce_system",
    ]


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
    assert answer.delay == 600.0 > MAX_WAIT
    assert dialogue.waited == []
    assert (await dialogue.run()).outcome is Outcome.PROPOSED


async def test_an_overloaded_model_is_replaced_by_the_fallback(converse: Converse) -> None:
    dialogue = converse(Entry(status=503, times=3), says(RIGHT), fallback="second")
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    assert [request.model for request in dialogue.client.sent] == ["m", "m", "m", "second"]


async def test_a_revoked_key_fails_the_run_after_its_attempts(
    converse: Converse,
) -> None:
    dialogue = converse(Entry(status=401, code="invalid_api_key"))
    result = await dialogue.run()
    assert (result.outcome, dialogue.machines, len(dialogue.client.sent)) == (Outcome.FAILED, 5, 5)
    assert "refused the key" in result.reason and result.cost_usd == 0.0
    assert backoff(5) <= 900.0


async def test_candidates_bought_before_the_budget_ran_out_are_tested(
    converse: Converse,
) -> None:
    dialogue = converse(
        says("NO_TEST: no.", TESTS_ASKED, cost_usd=0.2),
        says(RIGHT, cost_usd=0.5),
        plan=BALANCED,
    )
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, 2)


async def test_the_best_change_is_kept_when_the_budget_runs_out(converse: Converse) -> None:
    dialogue = converse(says(WRONG, cost_usd=0.6))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.BUDGET_EXHAUSTED, 2)
    assert "+    return a * 3" in dialogue.artifact(result)
