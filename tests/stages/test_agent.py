"""The agent's loop, from the first look to the end; and that it can be killed anywhere and goes on
where it was.
"""

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
from stages.propose_patch import Plan, agent
from stages.propose_patch.agent import Agent, Ending
from stages.propose_patch.history import KEPT_STEPS, Step, conversation
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
#: A call, and what its result says.
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
    (tool("open", "calc.py"), "no argument"),
    (tool("open", "path: calc.py\nlines: all"), "lines: "),
    (tool("open", f"path: calc.py\nlines: 1-{'9' * 5000}"), "lines: "),
    (tool("needs_info", "\n \n"), "needs_info: "),
    (tool("open", "path: calc.py\nlines: 90-99"), "calc.py has 6 lines"),
    (tool("open", "path: lib/calc.py"), "There is calc.py"),
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
    (tool("test", "calc.py"), "is no test file"),
    (tool("test", "--pdb"), "there is no file"),
    (tool("no_change_needed", "It works."), "it needs proof"),
)
Talk = Callable[..., Conversation]


@pytest.fixture
def talk(tmp_path: Path, prepared: Prepared) -> Talk:
    def make(*replies: str | Entry, dies_at: int | None = None, **more: object) -> Conversation:
        entries = tuple(
            reply if isinstance(reply, Entry) else Entry(reply=reply, times=1, cost_usd=0.01)
            for reply in replies
        )
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return Conversation(folder, prepared, Client(entries, dies_at), plan=AGENT, **more)  # type: ignore[arg-type]

    return make


def results(it: Conversation) -> list[str]:
    """What each step showed."""
    return [message.content for message in it.client.sent[-1].messages[3::2]]


async def test_from_the_first_look_to_the_proof(talk: Talk) -> None:
    it = talk(*STEPS)
    result = await it.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert (len(it.client.sent), result.cost_usd) == (5, 0.05)
    search, edited, ran, tested = results(it)
    assert "1 lines\ncalc.py:1:def add(a, b):" in search and "Step 1 of 30" in search
    assert "+    return a + b" in edited and "5 " in ran and "[ended with 0]" in ran
    assert "2 tests pass, 0 fail; 1 that failed before your edits pass now" in tested
    told = json.loads(it.artifact(result, "transcript"))
    assert told["ending"] == "submitted" and len(told["steps"]) == 4 and told["calls"]["run"] == 1


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
async def test_killed_before_any_reply_it_goes_on_there_on_another_machine(
    talk: Talk, number: int
) -> None:
    it = talk(*STEPS, dies_at=number)
    assert isinstance(await it.deliver(), Deferred)
    result = await it.run()
    assert (result.outcome, it.machines, len(it.client.sent)) == (Outcome.PROPOSED, 2, len(STEPS))
    requests = [request.messages for request in it.client.sent]
    assert all(
        later[: len(earlier)] == earlier
        for earlier, later in zip(plain(requests), plain(requests)[1:], strict=False)
    )
    assert len(it.store.calls(RunKey(result.job_id, 0))) == len(STEPS) + 1, (
        "the one that was cut, and each step once"
    )


def plain(requests: list[tuple[Message, ...]]) -> list[list[str]]:
    return [[message.content for message in request] for request in requests]


@pytest.mark.parametrize("number", [2, 3, 4])
async def test_killed_after_a_tools_work_it_does_that_again_and_buys_nothing_again(
    talk: Talk, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = talk(*STEPS)
    use = Toolbox.use
    used = list[int]()

    async def dies(self: Toolbox, call: object, place: str) -> str:
        told = await use(self, call, place)  # type: ignore[arg-type]
        used.append(number)
        if len(used) == number:
            raise Killed
        return told

    monkeypatch.setattr(Toolbox, "use", dies)
    assert isinstance(await it.deliver(), Deferred)
    result = await it.run()
    assert (result.outcome, len(it.client.sent)) == (Outcome.PROPOSED, len(STEPS))
    assert len(it.store.calls(RunKey(result.job_id, 0))) == len(STEPS)


async def test_a_reply_that_holds_edits_and_no_call_is_the_proposal(talk: Talk) -> None:
    it = talk(RIGHT)
    result = await it.run()
    assert (result.outcome, len(it.client.sent)) == (Outcome.PROPOSED, 1)


async def test_each_look_shows_what_it_says_and_a_wrong_call_what_would_do(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "MAX_WRONG", 99)
    monkeypatch.setattr(agent, "MAX_STEPS", 99)
    calls = [*GOOD, *WRONG_CALLS]
    it = talk(*(reply for reply, _ in calls), RIGHT)
    assert (await it.run()).outcome is Outcome.PROPOSED
    told = results(it)
    for (reply, says), shown in zip(calls, told, strict=True):
        assert says in shown, reply
    assert ["Error" in shown for shown in told] == [False] * len(GOOD) + [True] * len(WRONG_CALLS)


async def test_commands_see_the_edits_and_no_network_and_what_they_write_is_dropped(
    talk: Talk,
) -> None:
    it = talk(
        tool("edit", EDIT),
        tool(
            "run",
            "grep -c 'a + b' calc.py; echo x > calc.py; echo y > ../../escaped; wc -l <"
            " /proc/net/route; env",
        ),
        tool("run", "cat calc.py; ls .."),
        tool("submit"),
    )
    await it.run()
    _, first, second = results(it)
    assert "1\n" in first and "API_KEY" not in first
    assert "return a + b" in second and "escaped" not in second
    assert not list(it.folder.rglob("escaped"))


async def test_links_lead_nowhere(tmp_path: Path, talk: Talk) -> None:
    """Paths are looked up among git's objects; a link is one that is not followed."""
    it = talk(tool("run", "ln -s /etc/passwd leak"), tool("open", "path: leak"), RIGHT)
    await it.run()
    assert "there is no file 'leak'" in results(it)[1]


async def test_going_in_circles_is_told_once_and_then_ended(talk: Talk) -> None:
    look = tool("search", "text: add")
    it = talk(*[look] * 9, RIGHT, limits=EffectiveLimits(1.0, 30.0, 1))
    result = await it.run()
    assert (result.outcome, len(it.client.sent)) == (Outcome.NO_FIX, 4)
    assert "it went in circles" in result.reason and "You go in circles" in it.client.prompts[3]


async def test_two_calls_in_turn_are_a_circle_too(talk: Talk) -> None:
    turns = [tool("search", "text: add"), tool("search", "text: double")] * 5
    it = talk(*turns, limits=EffectiveLimits(1.0, 30.0, 1))
    assert "it went in circles" in (await it.run()).reason and len(it.client.sent) == 7


async def test_wrong_calls_in_a_row_end_it(talk: Talk) -> None:
    it = talk(*(f"I think {number}." for number in range(9)), limits=EffectiveLimits(1.0, 30.0, 1))
    result = await it.run()
    assert "5 calls in a row were wrong" in result.reason and len(it.client.sent) == 5


async def test_out_of_steps_the_edits_that_there_are_go_on(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "MAX_STEPS", 2)
    it = talk(tool("edit", EDIT), tool("open", "path: calc.py"), tool("submit", "never asked"))
    result = await it.run()
    assert (result.outcome, len(it.client.sent)) == (Outcome.PROPOSED, 2)
    assert json.loads(it.artifact(result, "transcript"))["ending"] == "all 2 steps are used up"


async def test_out_of_time_the_edits_that_there_are_go_on(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 9_000, 700))
    monkeypatch.setattr(agent, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    it = talk(tool("edit", EDIT), tool("open", "path: calc.py"))
    result = await it.run()
    assert (result.outcome, len(it.client.sent)) == (Outcome.PROPOSED, 1)


async def test_out_of_money_the_edits_that_there_are_go_on(talk: Talk) -> None:
    it = talk(
        Entry(reply=tool("edit", EDIT), times=1, cost_usd=0.6),
        Entry(reply=tool("submit"), cost_usd=0.6),
    )
    result = await it.run()
    assert (result.outcome, result.cost_usd, len(it.client.sent)) == (Outcome.PROPOSED, 0.6, 1)


@pytest.mark.parametrize("code", ["context_length_exceeded", "content_policy_violation"])
async def test_where_the_model_takes_no_more_of_it_the_edits_that_there_are_go_on(
    talk: Talk, code: str
) -> None:
    it = talk(tool("edit", EDIT), Entry(status=400, code=code))
    result = await it.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert len(json.loads(it.artifact(result, "transcript"))["steps"]) == 1


async def test_its_time_is_a_share_of_what_the_run_has_left(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float] = []
    take_step = Agent._take_step

    async def spy(self: Agent) -> Ending | None:
        deadlines.append(self._deadline)
        return await take_step(self)

    monkeypatch.setattr(Agent, "_take_step", spy)
    monkeypatch.setattr(agent, "time", SimpleNamespace(monotonic=lambda: 0.0))
    it = talk(tool("edit", EDIT), tool("submit", "Now."), limits=EffectiveLimits(1.0, 30.0, 4))
    monkeypatch.setattr("pipeline.stage.RunContext.seconds_left", lambda self: 100.0)
    await it.run()
    assert deadlines[0] == pytest.approx(100.0 * agent.MINUTES_SHARE)


@pytest.mark.parametrize(
    "quoted", [EDIT, "```diff\n--- a/calc.py\n+++ b/calc.py\n@@ -1,2 +1,2 @@\n-a\n+b\n```"]
)
async def test_words_that_quote_a_change_do_not_spoil_the_edits(talk: Talk, quoted: str) -> None:
    result = await talk(
        tool("edit", EDIT), tool("submit", f"The sign was wrong:\n\n{quoted}")
    ).run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)


async def test_another_round_reads_what_the_tests_said(talk: Talk) -> None:
    it = talk(WRONG, tool("edit", EDIT), tool("submit", "Now."))
    result = await it.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 2)
    assert "6 != 4" in it.client.sent[1].messages[1].content


async def test_what_is_missing_and_what_needs_no_change_end_the_run(talk: Talk) -> None:
    missing = await talk(tool("needs_info", "Which numbers?")).run()
    assert missing.outcome is Outcome.NEEDS_INFO and "Which numbers?" in missing.reason
    assert sorted(missing.templates) == ["agent", "agent_system"]
    quoting = talk(tool("needs_info", f"Is this meant?\n\n{EDIT}"))
    assert ((await quoting.run()).outcome, len(quoting.client.sent)) == (Outcome.NEEDS_INFO, 1)
    test = "import unittest\nfrom calc import double\n\n\nclass T(unittest.TestCase):\n"
    test += "    def test_it(self):\n        self.assertEqual(double(4), 8)\n"
    it = talk(tool("edit", block("test_new.py", "", test)), tool("no_change_needed", "It doubles."))
    result = await it.run()
    assert (
        result.outcome is Outcome.NO_CHANGE_NEEDED
        and "1 test made from the issue pass" in result.reason
    )
    assert "+class T(" in it.artifact(result, "reproduction") and "transcript" in result.artifacts


def test_old_results_are_left_out_half_the_history_at_a_time_and_the_last_ones_never() -> None:
    begun = (Message(role="system", content="s"), Message(role="user", content="u"))
    steps = [Step("call", str(number), f"{number}:" + "x" * 1_000, False) for number in range(30)]
    sent = {count: conversation(begun, steps[:count], 30, 10_000) for count in range(31)}
    left_out = {
        count: sum("left out" in message.content for message in sent[count]) for count in sent
    }
    assert left_out[9] == 0 and max(left_out.values()) <= 30 - KEPT_STEPS
    assert all(sum(len(m.content) for m in messages) < 13_000 for messages in sent.values())
    changes = sum(left_out[count] != left_out[count - 1] for count in range(1, 31))
    assert changes <= 6, "what a provider has kept stays good for several steps"
    assert all("x" * 1_000 in message.content for message in sent[30][-2 * KEPT_STEPS + 1 :: 2])
    assert [message.reused for message in sent[3]] == [
        False,
        True,
        False,
        False,
        False,
        False,
        False,
        True,
    ]
