"""The agent: its tools, its limits, and that a killed run resumes at its last step."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.budget import EffectiveLimits
from pipeline.engine.engine import Deferred
from pipeline.model import Message
from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, Verification
from pipeline.run_key import RunKey
from stages.propose_patch import Plan
from stages.propose_patch import tool_loop as agent
from stages.propose_patch.history import FULL_STEPS, Step, conversation
from stages.propose_patch.tool_loop import Agent, Ending
from stages.propose_patch.toolbox import Toolbox
from tests.stages.conversation import (
    RIGHT,
    WRONG,
    Client,
    Conversation,
    Killed,
    Prepared,
    block,
    tool,
)

AGENT = Plan("agent")
EDIT = block("calc.py", "    return a - b\n", "    return a + b\n")
STEPS = (
    tool("search", "text: def add"),
    tool("edit", EDIT),
    tool("run", "python3 -c 'import calc, time; print(calc.add(2, 3), time.time_ns())'"),
    tool("test"),
    tool("submit", "The sign was wrong; add() adds."),
)
#: A call, and a part of its result.
GOOD = (
    (
        tool("open", "path: calc.py\nlines: 1-2"),
        "calc.py, lines 1-2 of 6\n    1 def add(a, b):\n    2     return a - b\n",
    ),
    (tool("symbol", "name: double"), "calc.py, lines 5-6\n    5 def double(a):"),
    (
        tool("symbol", "name: TestCalc.test_add"),
        "test_calc.py, lines 7-8\n    7     def test_add(self):",
    ),
    (
        tool("search", "text: return\npath: calc.py"),
        "2 lines\ncalc.py:2:    return a - b\ncalc.py:6:",
    ),
    (tool("edit", block("new.py", "", "x = 1\n")), "+x = 1"),
    (tool("undo"), "-x = 1"),
)
WRONG_CALLS = (
    ("Hello.", "There is no tool call"),
    (tool("shell", "ls"), "There is no tool 'shell'. There are: search, open"),
    ('<tool name="open">\npath: calc.py', "has no end"),
    ("\n".join([tool("open", "path: calc.py")] * 2), "several tool calls"),
    (tool("open", "file: calc.py"), "open: "),
    (tool("open", "calc.py"), "not an argument"),
    (tool("open", "path: calc.py\nlines: all"), "lines: "),
    (tool("open", f"path: calc.py\nlines: 1-{'9' * 5000}"), "lines: "),
    (tool("needs_info", "\n \n"), "needs_info: "),
    (tool("open", "path: calc.py\nlines: 90-99"), "calc.py has 6 lines"),
    (tool("open", "path: lib/calc.py"), "Similar paths: calc.py"),
    (tool("open", "path: ../../../etc/passwd"), "there is no file"),
    (tool("open", "path: /etc/passwd"), "there is no file"),
    (tool("search", "text: add\npath: src"), "there is no file"),
    (tool("symbol", "name: nothing"), "No definition of nothing"),
    (tool("symbol", "name: a|b"), "name: "),
    (tool("edit", "x"), "no edits"),
    (tool("edit", block("calc.py", "def nothing\n", "x\n")), "can't be applied"),
    (tool("edit", block("../x.py", "", "x\n")), "can't be applied"),
    (tool("undo"), "no edit"),
    (tool("submit", "Done."), "no edit"),
    (tool("test", "calc.py"), "is not a test file"),
    (tool("test", "--pdb"), "there is no file"),
    (tool("no_change_needed", "It works."), "it needs proof"),
)
Converse = Callable[..., Conversation]


@pytest.fixture
def converse(tmp_path: Path, prepared: Prepared) -> Converse:
    def make(*replies: str | Entry, dies_at: int | None = None, **more: object) -> Conversation:
        entries = tuple(
            reply if isinstance(reply, Entry) else Entry(reply=reply, times=1, cost_usd=0.01)
            for reply in replies
        )
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return Conversation(folder, prepared, Client(entries, dies_at), plan=AGENT, **more)  # type: ignore[arg-type]

    return make


def results(dialogue: Conversation) -> list[str]:
    """Return the result of each step, as shown to the model."""
    return [message.content for message in dialogue.client.sent[-1].messages[3::2]]


async def test_an_agent_explores_edits_tests_and_submits(converse: Converse) -> None:
    dialogue = converse(*STEPS)
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert (len(dialogue.client.sent), result.cost_usd) == (5, 0.05)
    search, edited, ran, tested = results(dialogue)
    assert "1 lines\ncalc.py:1:def add(a, b):" in search and "Step 1 of 30" in search
    assert "+    return a + b" in edited and "5 " in ran and "[ended with 0]" in ran
    assert "2 tests pass, 0 fail; 1 that failed before your edits pass now" in tested
    transcript = json.loads(dialogue.artifact(result, "transcript"))
    assert transcript["ending"] == "submitted"
    assert len(transcript["steps"]) == 4
    assert transcript["calls"]["run"] == 1


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
async def test_an_agent_killed_before_a_reply_resumes_on_another_machine(
    converse: Converse, number: int
) -> None:
    dialogue = converse(*STEPS, dies_at=number)
    assert isinstance(await dialogue.deliver(), Deferred)
    result = await dialogue.run()
    assert (result.outcome, dialogue.machines, len(dialogue.client.sent)) == (
        Outcome.PROPOSED,
        2,
        len(STEPS),
    )
    requests = [request.messages for request in dialogue.client.sent]
    assert all(
        later[: len(earlier)] == earlier
        for earlier, later in zip(plain(requests), plain(requests)[1:], strict=False)
    )
    assert len(dialogue.store.calls(RunKey(result.job_id, 0))) == len(STEPS) + 1, (
        "the one that was cut, and each step once"
    )


def plain(requests: list[tuple[Message, ...]]) -> list[list[str]]:
    return [[message.content for message in request] for request in requests]


@pytest.mark.parametrize("number", [2, 3, 4])
async def test_an_agent_killed_after_a_tool_call_repeats_it_and_buys_nothing(
    converse: Converse, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialogue = converse(*STEPS)
    use = Toolbox.use
    places: list[str] = []

    async def use_and_die(self: Toolbox, call: object, place: str) -> str:
        result = await use(self, call, place)  # type: ignore[arg-type]
        places.append(place)
        if len(places) == number:
            raise Killed
        return result

    monkeypatch.setattr(Toolbox, "use", use_and_die)
    assert isinstance(await dialogue.deliver(), Deferred)
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, len(STEPS))
    assert len(dialogue.store.calls(RunKey(result.job_id, 0))) == len(STEPS)


async def test_a_reply_with_edits_and_no_call_is_the_proposal(converse: Converse) -> None:
    dialogue = converse(RIGHT)
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, 1)


async def test_each_tool_returns_its_result_or_a_helpful_error(
    converse: Converse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "MAX_INVALID_CALLS", 99)
    monkeypatch.setattr(agent, "MAX_STEPS", 99)
    calls = [*GOOD, *WRONG_CALLS]
    dialogue = converse(*(reply for reply, _ in calls), RIGHT)
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    tool_results = results(dialogue)
    for (reply, expected), result in zip(calls, tool_results, strict=True):
        assert expected in result, reply
    are_errors = ["Error" in result for result in tool_results]
    assert are_errors == [False] * len(GOOD) + [True] * len(WRONG_CALLS)


async def test_commands_see_the_edits_and_their_files_are_discarded(
    converse: Converse,
) -> None:
    dialogue = converse(
        tool("edit", EDIT),
        tool(
            "run",
            "grep -c 'a + b' calc.py; echo x > calc.py; echo y > ../../escaped; wc -l <"
            " /proc/net/route; env",
        ),
        tool("run", "cat calc.py; ls .."),
        tool("submit"),
    )
    await dialogue.run()
    _, first, second = results(dialogue)
    assert "1\n" in first and "API_KEY" not in first
    assert "return a + b" in second and "escaped" not in second
    assert not list(dialogue.folder.rglob("escaped"))


async def test_symbolic_links_are_not_followed(tmp_path: Path, converse: Converse) -> None:
    """Paths are looked up among git's objects; a link is one that is not followed."""
    dialogue = converse(tool("run", "ln -s /etc/passwd leak"), tool("open", "path: leak"), RIGHT)
    await dialogue.run()
    assert "there is no file 'leak'" in results(dialogue)[1]


async def test_an_agent_that_repeats_itself_is_warned_once_and_then_stopped(
    converse: Converse,
) -> None:
    look = tool("search", "text: add")
    dialogue = converse(*[look] * 9, RIGHT, limits=EffectiveLimits(1.0, 30.0, 1))
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.NO_FIX, 4)
    assert (
        "the model went in circles" in result.reason
        and "You go in circles" in dialogue.client.prompts[3]
    )


async def test_two_alternating_calls_are_a_loop(converse: Converse) -> None:
    turns = [tool("search", "text: add"), tool("search", "text: double")] * 5
    dialogue = converse(*turns, limits=EffectiveLimits(1.0, 30.0, 1))
    assert (
        "the model went in circles" in (await dialogue.run()).reason
        and len(dialogue.client.sent) == 7
    )


async def test_consecutive_invalid_calls_stop_the_agent(converse: Converse) -> None:
    dialogue = converse(
        *(f"I think {number}." for number in range(9)), limits=EffectiveLimits(1.0, 30.0, 1)
    )
    result = await dialogue.run()
    assert "5 calls in a row were invalid" in result.reason and len(dialogue.client.sent) == 5


async def test_edits_are_proposed_when_the_steps_are_used_up(
    converse: Converse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "MAX_STEPS", 2)
    dialogue = converse(
        tool("edit", EDIT), tool("open", "path: calc.py"), tool("submit", "never asked")
    )
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, 2)
    assert (
        json.loads(dialogue.artifact(result, "transcript"))["ending"] == "all 2 steps are used up"
    )


async def test_edits_are_proposed_when_the_time_is_used_up(
    converse: Converse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 9_000, 700))
    monkeypatch.setattr(agent, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    dialogue = converse(tool("edit", EDIT), tool("open", "path: calc.py"))
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, 1)


async def test_edits_are_proposed_when_the_budget_is_used_up(converse: Converse) -> None:
    dialogue = converse(
        Entry(reply=tool("edit", EDIT), times=1, cost_usd=0.6),
        Entry(reply=tool("submit"), cost_usd=0.6),
    )
    result = await dialogue.run()
    assert (result.outcome, result.cost_usd, len(dialogue.client.sent)) == (
        Outcome.PROPOSED,
        0.6,
        1,
    )


@pytest.mark.parametrize("code", ["context_length_exceeded", "content_policy_violation"])
async def test_edits_are_proposed_when_the_model_refuses_the_prompt(
    converse: Converse, code: str
) -> None:
    dialogue = converse(tool("edit", EDIT), Entry(status=400, code=code))
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert len(json.loads(dialogue.artifact(result, "transcript"))["steps"]) == 1


async def test_the_agent_gets_a_share_of_the_runs_time(
    converse: Converse, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float] = []
    take_step = Agent._take_step

    async def spy(self: Agent) -> Ending | None:
        deadlines.append(self._deadline)
        return await take_step(self)

    monkeypatch.setattr(Agent, "_take_step", spy)
    monkeypatch.setattr(agent, "time", SimpleNamespace(monotonic=lambda: 0.0))
    dialogue = converse(
        tool("edit", EDIT), tool("submit", "Now."), limits=EffectiveLimits(1.0, 30.0, 4)
    )
    monkeypatch.setattr("pipeline.stage.RunContext.seconds_left", lambda self: 100.0)
    await dialogue.run()
    assert deadlines[0] == pytest.approx(100.0 * agent.MINUTES_SHARE)


@pytest.mark.parametrize(
    "quoted", [EDIT, "```diff\n--- a/calc.py\n+++ b/calc.py\n@@ -1,2 +1,2 @@\n-a\n+b\n```"]
)
async def test_a_summary_that_quotes_an_edit_is_left_out(converse: Converse, quoted: str) -> None:
    result = await converse(
        tool("edit", EDIT), tool("submit", f"The sign was wrong:\n\n{quoted}")
    ).run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)


async def test_another_round_shows_the_output_of_the_tests(converse: Converse) -> None:
    dialogue = converse(WRONG, tool("edit", EDIT), tool("submit", "Now."))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 2)
    assert "6 != 4" in dialogue.client.sent[1].messages[1].content


async def test_needs_info_and_no_change_needed_end_the_run(converse: Converse) -> None:
    missing = await converse(tool("needs_info", "Which numbers?")).run()
    assert missing.outcome is Outcome.NEEDS_INFO and "Which numbers?" in missing.reason
    assert sorted(missing.templates) == ["agent", "agent_system"]
    quoting = converse(tool("needs_info", f"Is this meant?\n\n{EDIT}"))
    assert ((await quoting.run()).outcome, len(quoting.client.sent)) == (Outcome.NEEDS_INFO, 1)
    test = "import unittest\nfrom calc import double\n\n\nclass T(unittest.TestCase):\n"
    test += "    def test_it(self):\n        self.assertEqual(double(4), 8)\n"
    dialogue = converse(
        tool("edit", block("test_new.py", "", test)), tool("no_change_needed", "It doubles.")
    )
    result = await dialogue.run()
    assert (
        result.outcome is Outcome.NO_CHANGE_NEEDED
        and "1 test made from the issue pass" in result.reason
    )
    assert (
        "+class T(" in dialogue.artifact(result, "reproduction")
        and "transcript" in result.artifacts
    )


def test_old_results_are_left_out_by_halving_the_history() -> None:
    begun = (Message(role="system", content="s"), Message(role="user", content="u"))
    steps = [Step("call", str(number), f"{number}:" + "x" * 1_000, False) for number in range(30)]
    histories = {count: conversation(begun, steps[:count], 30, 10_000) for count in range(31)}
    left_out = {
        count: sum("left out" in message.content for message in histories[count])
        for count in histories
    }
    assert left_out[9] == 0 and max(left_out.values()) <= 30 - FULL_STEPS
    assert all(sum(len(m.content) for m in messages) < 13_000 for messages in histories.values())
    changes = sum(left_out[count] != left_out[count - 1] for count in range(1, 31))
    assert changes <= 6, "what a provider has kept stays good for several steps"
    assert all(
        "x" * 1_000 in message.content for message in histories[30][-2 * FULL_STEPS + 1 :: 2]
    )
    assert [message.reused for message in histories[3]] == [
        False,
        True,
        False,
        False,
        False,
        False,
        False,
        True,
    ]
