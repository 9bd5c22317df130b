"""Several attempts of the agent, and the test from the issue that judges their changes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.budget import EffectiveLimits
from pipeline.errors import Interrupted
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, Verification
from stages.propose_patch import Plan
from stages.propose_patch.attempts import AttemptPlans
from tests.stages.conversation import (
    FIX,
    LIMITS,
    SUBMIT,
    Client,
    Conversation,
    Prepared,
    bash,
    block,
    replace,
    tool,
)
from tests.stages.test_agent_restarts import survive

TWO = Plan("agent", attempts=2)
NO_TEST = "NO_TEST: I can't."
OTHER_FIX = replace("calc.py", "return a - b", "return b + a")
SAME_FIX = replace("calc.py", "return a - b", "# the sum\n    return a + b")
BREAK = replace("calc.py", "return a * 2", "return a * 3")
ATTEMPT = (FIX, SUBMIT, SUBMIT)
OTHER_ATTEMPT = (OTHER_FIX, SUBMIT, SUBMIT)
NEEDS_INFO = tool("needs_info", what="which numbers?")
TEST = """import unittest

from calc import add


class TestIssue(unittest.TestCase):
    def test_issue(self):
        self.assertEqual(add(1, 1), {expected})
"""
REPRODUCTION = "It adds.\n\n" + block("test_issue.py", "", TEST.format(expected=2))

Converse = Callable[..., Conversation]


@pytest.fixture
def converse(tmp_path: Path, prepared: Prepared) -> Converse:
    def make(*replies: str, **more: object) -> Conversation:
        """``cost_usd`` is the price of each reply."""
        cost_usd = more.pop("cost_usd", 0.01)
        entries = [{"reply": reply, "times": 1, "cost_usd": cost_usd} for reply in replies]
        client = Client(tuple(Entry.model_validate(entry) for entry in entries))
        options = {"plan": TWO, **more}
        return Conversation(tmp_path / "run", prepared, client, **options)  # type: ignore[arg-type]

    return make


async def test_a_model_chooses_among_the_changes_of_several_attempts(converse: Converse) -> None:
    dialogue = converse(NO_TEST, *ATTEMPT, *OTHER_ATTEMPT, "The second.\n\nCHOICE: 2")
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert "+    return b + a" in dialogue.artifact(result)
    _, *steps, judged = dialogue.client.sent
    assert [request.temperature for request in steps] == [None] * 3 + [0.8] * 3
    # The second attempt knows nothing of the first: its edit applied to a fresh tree.
    assert steps[0].messages == steps[3].messages
    assert "+    return a + b" in judged.messages[-1].content
    names = ("transcript-1", "transcript-2", "transcript")
    transcripts = [json.loads(dialogue.artifact(result, name)) for name in names]
    assert [transcript["attempt"] for transcript in transcripts] == [1, 2, 2]
    assert {"judge", "agent", "reproduce"} < result.templates.keys()


async def test_two_attempts_that_agree_are_the_last_and_no_choice_is_asked_for(
    converse: Converse,
) -> None:
    """Comments and tests make no difference."""
    dialogue = converse(NO_TEST, *ATTEMPT, SAME_FIX, SUBMIT, SUBMIT, plan=Plan("agent", attempts=3))
    result = await dialogue.run()
    assert result.outcome is Outcome.PROPOSED
    assert len(dialogue.client.sent) == 7
    assert "# the sum" not in dialogue.artifact(result), "the smaller one is taken"


async def test_no_attempt_begins_without_the_money_for_the_most_expensive_so_far(
    converse: Converse,
) -> None:
    dialogue = converse(NO_TEST, *ATTEMPT, cost_usd=0.15, limits=EffectiveLimits(1.0, 30.0, 1))
    # The test cost 0.15 and the attempt 0.45, so that 0.40 are left.
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    assert len(dialogue.client.sent) == 4


async def test_a_later_round_continues_the_attempt_that_broke_least(converse: Converse) -> None:
    crash = bash("echo 'raise SystemExit(1)' >> calc.py")
    dialogue = converse(
        NO_TEST,
        *(crash, SUBMIT, SUBMIT),
        *(FIX, BREAK, SUBMIT, SUBMIT),
        *(replace("calc.py", "return a * 3", "return a * 2"), SUBMIT, SUBMIT),
    )
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 2)
    second = dialogue.client.sent[7]
    third = dialogue.client.sent[8]
    assert third.messages[: len(second.messages) - 1] == second.messages[:-1]
    assert "6 != 4" in third.messages[-1].content
    assert third.temperature == 0.8


async def test_an_attempt_without_a_change_decides_only_if_no_other_has_one(
    converse: Converse,
) -> None:
    dialogue = converse(NO_TEST, NEEDS_INFO, *ATTEMPT)
    assert (await dialogue.run()).outcome is Outcome.PROPOSED


class Mortal(Client):
    """Dies within the first attempt, between the two, and before the choice."""

    def __init__(self, entries: tuple[Entry, ...]):
        super().__init__(entries)
        self._deaths = [2, 4, 7]

    async def complete(self, request: ModelRequest) -> ModelReply:
        if self._deaths and len(self.sent) == self._deaths[0]:
            raise Interrupted(f"before reply {self._deaths.pop(0)}")
        return await super().complete(request)


async def test_a_run_that_is_killed_makes_the_same_attempts_and_buys_nothing_twice(
    tmp_path: Path, prepared: Prepared
) -> None:
    replies = (NO_TEST, *ATTEMPT, *OTHER_ATTEMPT, "CHOICE: 2")
    entries = tuple(Entry(reply=reply, times=1, cost_usd=0.01) for reply in replies)
    sent: list[list[ModelRequest]] = []
    folder = tmp_path / "run"
    for client in (Client(entries), Mortal(entries)):
        limits = EffectiveLimits(LIMITS.max_cost_usd * 2, 30.0, 4)
        dialogue = Conversation(folder, prepared, client, plan=TWO, limits=limits, same_paths=True)
        result = await survive(dialogue)
        assert "+    return b + a" in dialogue.artifact(result)
        sent.append(client.sent)
        folder.rename(tmp_path / f"run-{len(sent)}")
    undisturbed, killed = sent
    assert killed == undisturbed


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ((None,), [(None, None), (None, 0.8), (None, 0.8)]),
        (("one", "two"), [("one", None), ("two", None), ("one", 0.8)]),
    ],
)
def test_models_take_turns_and_only_repeated_ones_get_a_temperature(
    models: tuple[str | None, ...], expected: list[tuple[str | None, float | None]]
) -> None:
    plans = AttemptPlans(3, 0.8, models)
    made = [plans.plan(number) for number in (1, 2, 3)]
    assert [(plan.model, plan.temperature) for plan in made] == expected


# The test from the issue


def remembered_test(dialogue: Conversation) -> object:
    """Return the stored reproduction test; None if there is none."""
    (run,) = dialogue.store.runs()
    for checkpoint in dialogue.store.checkpoints(run.key):
        if checkpoint.stage == "remembered:reproduction":
            return json.loads(checkpoint.result)["test"]
    raise AssertionError("nothing is remembered")


async def test_a_test_made_from_the_issue_judges_the_changes(converse: Converse) -> None:
    """The repository's own tests say nothing of the issue: the proof is the new test's."""
    useless = bash("echo '# a difference' >> calc.py")
    dialogue = converse(REPRODUCTION, useless, SUBMIT, SUBMIT, *ATTEMPT)
    suite = dialogue.prepared.suite
    assert suite.base
    green = {test: status for test, status in suite.base.results.items() if status == "passed"}
    base = suite.base.model_copy(update={"results": green, "failures": {}})
    dialogue.suite = suite.model_copy(update={"base": base})
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert "1 test made from the issue, not part of the change, failed before it" in result.reason
    assert "+    return a + b" in dialogue.artifact(result)
    assert len(dialogue.client.sent) == 7


@pytest.mark.parametrize(
    ("reply", "why"),
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
async def test_a_test_that_does_not_show_the_issue_is_discarded(
    converse: Converse, reply: str, why: str | None
) -> None:
    again = [NO_TEST] if why else []
    dialogue = converse(f"It adds.\n\n{reply}", *again, NEEDS_INFO, NEEDS_INFO)
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.NEEDS_INFO, 1)
    if why:
        assert why in dialogue.client.prompts[1]
    assert remembered_test(dialogue) is None
    assert {"reproduce", "reproduce_system"} < result.templates.keys()


async def test_a_test_that_passes_on_the_base_ends_the_run(converse: Converse) -> None:
    passes = "It subtracts.\n\n" + block("test_issue.py", "", TEST.format(expected=0))
    dialogue = converse(passes, "ALREADY_FIXED: calc.add does so.")
    result = await dialogue.run()
    assert result.outcome is Outcome.NO_CHANGE_NEEDED
    assert "1 test made from the issue passes" in result.reason
    assert "calc.add does so" in result.reason
    assert "+class TestIssue" in dialogue.artifact(result, "reproduction")
    assert "1 tests run" in dialogue.artifact(result, "test log")


async def test_already_fixed_without_a_passing_test_is_not_believed(converse: Converse) -> None:
    dialogue = converse("ALREADY_FIXED: trust me.", NEEDS_INFO, NEEDS_INFO)
    assert (await dialogue.run()).outcome is Outcome.NEEDS_INFO
