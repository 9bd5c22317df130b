"""One scripted conversation for each path that a run can take with a model, through the real engine
and stages.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.budget import EffectiveLimits
from pipeline.engine.engine import Deferred
from pipeline.errors import backoff
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


Talk = Callable[..., Conversation]


@pytest.fixture
def talk(tmp_path: Path, prepared: Prepared) -> Talk:
    return lambda *entries, **more: Conversation(tmp_path, prepared, Client(entries), **more)


def says(reply: str, when: str | None = None, times: int | None = None, **more: object) -> Entry:
    return Entry.model_validate(
        {"reply": reply, "when": when, "times": times, "cost_usd": 0.01} | more
    )


async def test_the_first_try_is_right(talk: Talk) -> None:
    it = talk(says(RIGHT))
    result = await it.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert (result.rounds, result.cost_usd, len(it.client.sent)) == (1, 0.01, 1)
    assert "+    return a + b" in it.artifact(result)


async def test_a_second_round_reads_what_failed_and_what_it_had_changed(talk: Talk) -> None:
    it = talk(says(RIGHT, FAILS), says(WRONG))
    result = await it.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 2)
    second = it.client.prompts[1]
    assert "6 != 4" in second and "+    return a * 3" in second
    assert re.search(r"\d\.\d+ ?s\b", second) is None and str(it.folder) not in second


async def test_a_reproduction_test_that_fails_for_the_issues_reason_is_kept_and_judges(
    talk: Talk,
) -> None:
    it = talk(says(REPRODUCTION, TESTS_ASKED), says(RIGHT), plan=BALANCED)
    suite = it.prepared.suite
    assert suite.base
    # The repository's own tests say nothing of the issue: the proof is the reproduction's.
    green = {test: status for test, status in suite.base.results.items() if status == "passed"}
    it.suite = suite.model_copy(
        update={"base": suite.base.model_copy(update={"results": green, "failures": {}})}
    )
    result = await it.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert "1 test made from the issue, not part of the change, failed before it" in result.reason
    assert len(it.client.sent) == 4 and "def test_issue" in it.client.prompts[1]
    assert [request.temperature for request in it.client.sent] == [0.0, 0.0, 0.8, 0.8]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            block("test_issue.py", "", TEST.format(expected=2).replace("add(", "ad(")),
            "reason of its own",
        ),
        (
            block("test_issue.py", "", TEST.format(expected=2).replace("calc", "calk")),
            "could not be run",
        ),
        (
            block("test_calc.py", "from calc import add, double\n", "from calc import double\n"),
            "is there already",
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
async def test_a_reproduction_test_that_proves_nothing_is_dropped(
    talk: Talk, reply: str, said: str | None
) -> None:
    it = talk(
        says(f"It adds.\n\n{reply}", TESTS_ASKED),
        says("NO_TEST: I can't.", "does not reproduce"),
        says(RIGHT),
        plan=Plan("balanced", candidates=1),
    )
    result = await it.run()
    assert result.outcome is Outcome.PROPOSED
    if said:
        assert said in it.client.prompts[1] and len(it.client.sent) == 3
    assert "Reproduction test" not in it.client.prompts[-1]


async def test_candidates_are_chosen_by_the_tests_and_then_by_the_majority(talk: Talk) -> None:
    asked = iter([WRONG, LONGER, RIGHT, RIGHT_IN_OTHER_WORDS])
    entries = [says(reply, times=1) for reply in asked]
    it = talk(says("NO_TEST: no.", TESTS_ASKED), *entries, plan=Plan("balanced", candidates=4))
    result = await it.run()
    assert result.outcome is Outcome.PROPOSED and result.rounds == 1
    patch = it.artifact(result)
    assert "+    return a + b" in patch and "# a sum" not in patch, (
        "two agree, and the smaller of them is taken"
    )


async def test_a_test_from_the_issue_that_passes_on_the_base_ends_the_run_with_the_evidence(
    talk: Talk,
) -> None:
    passes = "It subtracts.\n\n" + block("test_issue.py", "", TEST.format(expected=0))
    it = talk(
        says(passes, TESTS_ASKED),
        says("ALREADY_FIXED: calc.add does so.", "It passes on the repository"),
        plan=BALANCED,
    )
    result = await it.run()
    assert result.outcome is Outcome.NO_CHANGE_NEEDED
    assert (
        "1 test made from the issue pass" in result.reason and "calc.add does so" in result.reason
    )
    assert "+class TestIssue" in it.artifact(
        result, "reproduction"
    ) and "1 tests run" in it.artifact(result, "test log")


async def test_saying_that_it_is_fixed_without_a_test_that_shows_it_is_not_believed(
    talk: Talk,
) -> None:
    it = talk(says("ALREADY_FIXED: trust me.", TESTS_ASKED), says(RIGHT), plan=BALANCED)
    assert (await it.run()).outcome is Outcome.PROPOSED


@pytest.mark.parametrize("strategy", ["cheap", "balanced"])
async def test_a_model_that_says_what_is_missing_ends_the_run(talk: Talk, strategy: str) -> None:
    it = talk(says("NEEDS_INFO: which numbers?\nAnd @octocat."), plan=Plan(strategy))  # type: ignore[arg-type]
    result = await it.run()
    assert (result.outcome, result.rounds) == (Outcome.NEEDS_INFO, 1)
    assert "which numbers?" in result.reason and "which numbers?" in it.artifact(result, "exchange")


async def test_the_same_change_again_is_not_tested_again_and_ends_the_run_the_second_time(
    talk: Talk,
) -> None:
    it = talk(says(WRONG))
    result = await it.run()
    assert (result.outcome, result.rounds) == (Outcome.NO_FIX, 3)
    assert "stuck: it proposed again what round 1 had tried" in result.reason
    assert [request.temperature for request in it.client.sent] == [0.0, 0.0, 0.8], (
        "the approach was changed first"
    )
    assert "Do not repeat them" in it.client.prompts[2]
    assert "+    return a * 3" in it.artifact(result), "the best there was is attached"


async def test_going_back_and_forth_between_two_changes_ends_the_run(talk: Talk) -> None:
    first = says(WRONG, times=1)
    second = says(OTHER_WRONG, times=1)
    it = talk(
        first,
        second,
        says(WRONG, times=1),
        says(OTHER_WRONG, times=1),
        limits=EffectiveLimits(1.0, 30.0, 9),
    )
    result = await it.run()
    assert (result.outcome, result.rounds) == (Outcome.NO_FIX, 4) and "stuck" in result.reason


async def test_garbage_three_times_ends_the_run(talk: Talk) -> None:
    it = talk(says("I do not know."))
    result = await it.run()
    assert (result.outcome, result.rounds, len(it.client.sent)) == (Outcome.NO_FIX, 3, 3)
    assert "stuck: 3 rounds ended the same way" in result.reason


async def test_a_refusal_ends_without_a_fix_unless_another_model_answers(talk: Talk) -> None:
    it = talk(Entry(status=400, code="content_policy_violation"))
    result = await it.run()
    assert (result.outcome, result.cost_usd) == (
        Outcome.NO_FIX,
        0.0,
    ) and "content policy" in result.reason


async def test_a_candidate_that_one_model_refuses_does_not_lose_those_of_another(
    talk: Talk,
) -> None:
    it = talk(
        says("NO_TEST: no.", TESTS_ASKED),
        says(RIGHT, times=1),
        Entry(status=400, code="content_policy_violation"),
        plan=Plan("balanced", candidates=2, models=("m", "other")),
    )
    result = await it.run()
    assert (result.outcome, [request.model for request in it.client.sent[-2:]]) == (
        Outcome.PROPOSED,
        ["m", "other"],
    )


async def test_a_prompt_is_marked_for_the_providers_cache_where_it_is_sent_to_the_same_model_again(
    talk: Talk,
) -> None:
    it = talk(says(RIGHT), plan=Plan("balanced", candidates=3, models=("m", "other")))
    await it.run()
    asked = [
        request for request in it.client.sent if TESTS_ASKED not in request.messages[-1].content
    ]
    assert [(request.model, request.messages[-1].reused) for request in asked[-3:]] == [
        ("m", True),
        ("other", False),
        ("m", True),
    ]


async def test_every_template_that_was_asked_with_is_told_however_the_run_ends(talk: Talk) -> None:
    garbage = await talk(says("I do not know.")).run()
    assert (garbage.outcome, sorted(garbage.templates)) == (
        Outcome.NO_FIX,
        ["propose", "propose_system"],
    )


async def test_templates_of_a_test_that_was_dropped_were_used_too(talk: Talk) -> None:
    dropped = await talk(says("NO_TEST: no.", TESTS_ASKED), says(RIGHT), plan=BALANCED).run()
    assert sorted(dropped.templates) == [
        "propose",
        "propose_system",
        "reproduce",
        "reproduce_system",
    ]


async def test_a_prompt_that_is_too_long_is_sent_again_with_less(talk: Talk) -> None:
    it = talk(Entry(status=400, code="context_length_exceeded", times=1), says(RIGHT))
    assert (await it.run()).outcome is Outcome.PROPOSED
    assert len(it.client.sent) == 2
    kept = [json.loads(file.read_text()) for file in it.artifacts.root.rglob("*exchange.json")]
    assert sorted(str(exchange.get("failure")) for exchange in kept) == ["CONTEXT", "None"], (
        "a replay meets it too"
    )
    recorded = ReplayClient.load(it.artifacts.root)
    assert (await recorded.complete(it.client.sent[1])).content == RIGHT


async def test_a_prompt_that_is_too_long_at_any_size_ends_the_run_unpaid(talk: Talk) -> None:
    it = talk(Entry(status=400, code="context_length_exceeded"))
    result = await it.run()
    assert (result.outcome, result.cost_usd, len(it.client.sent)) == (Outcome.NO_FIX, 0.0, 3)


async def test_a_rate_limit_is_waited_for_as_asked_and_each_try_is_a_call(talk: Talk) -> None:
    it = talk(Entry(status=429, headers={"retry-after": "7"}, times=2), says(RIGHT))
    assert (await it.run()).outcome is Outcome.PROPOSED
    assert it.waited == [7.0, 7.0] and it.machines == 1


async def test_a_long_rate_limit_puts_the_run_back_and_nothing_is_lost(talk: Talk) -> None:
    it = talk(Entry(status=429, headers={"retry-after": "600"}, times=1), says(RIGHT))
    answer = await it.deliver()
    assert isinstance(answer, Deferred) and answer.delay == 600.0 > MAX_WAIT and it.waited == []
    assert (await it.run()).outcome is Outcome.PROPOSED


async def test_an_overloaded_model_is_left_for_the_fallback(talk: Talk) -> None:
    it = talk(Entry(status=503, times=3), says(RIGHT), fallback="second")
    assert (await it.run()).outcome is Outcome.PROPOSED
    assert [request.model for request in it.client.sent] == ["m", "m", "m", "second"]


async def test_a_revoked_key_is_no_bodys_retry_and_ends_as_failed_once_the_tries_are_used_up(
    talk: Talk,
) -> None:
    it = talk(Entry(status=401, code="invalid_api_key"))
    result = await it.run()
    assert (result.outcome, it.machines, len(it.client.sent)) == (Outcome.FAILED, 5, 5)
    assert "refused the key" in result.reason and result.cost_usd == 0.0
    assert backoff(5) <= 900.0


async def test_money_that_ends_in_the_middle_of_a_round_lets_what_was_bought_go_on(
    talk: Talk,
) -> None:
    it = talk(
        says("NO_TEST: no.", TESTS_ASKED, cost_usd=0.2),
        says(RIGHT, cost_usd=0.5),
        plan=BALANCED,
    )
    result = await it.run()
    assert (result.outcome, len(it.client.sent)) == (Outcome.PROPOSED, 2)


async def test_money_that_ends_later_leaves_the_best_change_with_the_event(talk: Talk) -> None:
    it = talk(says(WRONG, cost_usd=0.6))
    result = await it.run()
    assert (result.outcome, result.rounds) == (Outcome.BUDGET_EXHAUSTED, 2)
    assert "+    return a * 3" in it.artifact(result)
