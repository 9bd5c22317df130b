"""The agent: a workspace that lasts, an exit that is a conversation, and limits."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.budget import EffectiveLimits
from pipeline.model.capabilities import ModelProfile
from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, RunResult, Verification
from pipeline.run_key import RunKey
from repository.testing.models import TestReport
from stages.propose_patch import Plan
from stages.propose_patch.agent import limits
from stages.propose_patch.agent.workspace_tests import describe_report
from tests.stages.conversation import (
    FIX,
    RIGHT,
    SUBMIT,
    Client,
    Conversation,
    Prepared,
    bash,
    block,
    replace,
    tool,
    view,
)

ONE_ROUND = EffectiveLimits(1.0, 30.0, 1)
BREAK = replace("calc.py", "return a * 2", "return a * 3")
NEW_TEST = """import unittest
from calc import double


class TestDouble(unittest.TestCase):
    def test_four(self):
        self.assertEqual(double(4), 8)
"""
Converse = Callable[..., Conversation]


@pytest.fixture
def converse(tmp_path: Path, prepared: Prepared) -> Converse:
    def make(*replies: str | Entry, **more: object) -> Conversation:
        entries = [
            reply if isinstance(reply, Entry) else Entry(reply=reply, times=1, cost_usd=0.01)
            for reply in replies
        ]
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        client = Client(tuple(entries))
        return Conversation(folder, prepared, client, plan=Plan("agent"), **more)  # type: ignore[arg-type]

    return make


def results(dialogue: Conversation) -> list[str]:
    """Return what followed each reply but the last, as it was sent."""
    messages = dialogue.client.sent[-1].messages
    return [message.content for message in messages[3:] if message.role == "user"]


def transcript(dialogue: Conversation, result: RunResult) -> dict[str, object]:
    text: dict[str, object] = json.loads(dialogue.artifact(result, "transcript"))
    return text


async def test_the_status_has_the_step_and_the_money_so_far(converse: Converse) -> None:
    dialogue = converse(FIX, SUBMIT, SUBMIT)
    await dialogue.run()
    statuses = [progress.detail for progress in dialogue.progress if progress.kind == "status"]
    steps = [status for status in statuses if status.startswith("step")]
    assert steps == [
        "step 1, $0.00 of $1.00",
        "step 2, $0.01 of $1.00",
        "step 3, $0.02 of $1.00",
    ]


async def test_an_agent_edits_by_shell_tests_and_submits(converse: Converse) -> None:
    dialogue = converse(
        bash("echo 'import calc; print(calc.add(2, 3))' > $TMPDIR/try.py; ls"),
        bash("sed -i 's/a - b/a + b/' calc.py && python3 -m unittest 2>&1 | tail -1; git diff"),
        bash("PYTHONPATH=. python3 $TMPDIR/try.py; exit 3"),
        tool("run_tests"),
        SUBMIT,
        SUBMIT,
    )
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    assert (len(dialogue.client.sent), result.cost_usd) == (6, 0.06)
    listed, edited, ran, tested, reviewed = results(dialogue)
    assert "```\ncalc.py\ntest_calc.py\n```\nHarness: exit code 0." in listed
    assert "OK\ndiff --git a/calc.py b/calc.py" in edited
    assert "```\n5\n```\nHarness: exit code 3." in ran
    assert "2 tests passed, 0 failed." in tested
    assert "Failed without your changes and pass now: `test_calc.TestCalc::test_add`" in tested
    assert "+    return a + b" in reviewed
    assert "In a fresh copy with only this change, 2 tests passed and 0 failed." in reviewed
    assert "Failed without the change and pass with it: `test_calc.TestCalc::test_add`" in reviewed
    assert transcript(dialogue, result)["ending"] == "submitted"


async def test_an_agent_waits_for_a_model_that_stops_answering(converse: Converse) -> None:
    outage = Entry(drop=True, times=5, cost_usd=0.01)
    dialogue = converse(FIX, outage, "OK", SUBMIT, SUBMIT)
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 1)
    lengths = [request.max_tokens for request in dialogue.client.sent]
    assert lengths == [None, None, *[16] * 5, None, None]


async def test_the_next_round_continues_the_same_conversation_and_tree(
    converse: Converse,
) -> None:
    dialogue = converse(
        FIX,
        BREAK,
        SUBMIT,
        SUBMIT,
        bash("git diff --stat"),
        replace("calc.py", "return a * 3", "return a * 2"),
        tool("submit"),
        tool("submit"),
    )
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 2)
    *_, reviewed, opened, stat, _, _ = results(dialogue)
    assert "**The change will not be accepted as it is**" in reviewed and "6 != 4" in reviewed
    assert "Harness: Submitted." in opened and "Your change was not accepted" in opened
    assert "6 != 4" in opened and "calc.py | 4 ++--" in stat
    fourth, fifth = dialogue.client.sent[3:5]
    assert fifth.messages[: len(fourth.messages) - 1] == fourth.messages[:-1]


async def test_a_submit_after_further_changes_is_reviewed_again(converse: Converse) -> None:
    dialogue = converse(FIX, SUBMIT, BREAK, SUBMIT, SUBMIT, limits=ONE_ROUND)
    result = await dialogue.run()
    assert result.outcome is Outcome.NO_FIX
    assert "6 != 4" in results(dialogue)[-1]


async def test_a_reply_without_a_call_is_answered_and_never_ends_the_round(
    converse: Converse,
) -> None:
    dialogue = converse(
        Entry(reply="Now I", finish_reason="length", times=1),
        "",
        Entry(reply="I can't.", finish_reason="content_filter", times=1),
        "All done.",
        FIX,
        SUBMIT,
        SUBMIT,
    )
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    cut_off, empty, refused, talk, *_ = results(dialogue)
    assert cut_off.startswith("Harness: ") and "maximum length (2 tokens" in cut_off
    lengths = [sent.max_tokens for sent in dialogue.client.sent]
    assert lengths[:3] == [None, 2 * ModelProfile().max_tokens["agent"], None]
    assert "empty" in empty and "content filter" in refused and "call `submit`" in talk


async def test_five_idle_replies_in_a_row_end_the_round_and_the_change_is_proposed(
    converse: Converse,
) -> None:
    idle = [f"I think {number}." for number in range(4)]
    mess = bash("for n in $(seq 30); do echo $n > s$n.txt; done; mkdir build; echo 1 > build/a.py")
    dialogue = converse(FIX, mess, SUBMIT, *idle, tool("dance"), SUBMIT)
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, 8)
    assert "change 31 files; at most 20" in results(dialogue)[2]
    assert dialogue.artifact(result).count("diff --git") == 1
    assert transcript(dialogue, result)["ending"] == "5 replies in a row had no valid call"


async def test_an_agent_that_repeats_itself_is_warned_once_and_then_stopped(
    converse: Converse,
) -> None:
    dialogue = converse(*[bash("grep -n add calc.py")] * 9, limits=ONE_ROUND)
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.NO_FIX, 4)
    assert "the model repeated itself" in result.reason
    assert "You are repeating yourself" in results(dialogue)[-1]


async def test_the_same_edits_again_and_again_end_as_the_proposal(converse: Converse) -> None:
    """A script that is one reply with edits still makes a pull request."""
    dialogue = converse(Entry(reply=RIGHT))
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, 5)
    checkpoints = dialogue.store.checkpoints(RunKey(result.job_id, 0))
    (applied,) = [checkpoint.result for checkpoint in checkpoints if "apply" in checkpoint.stage]
    assert '"summary":"The sign was wrong."' in applied


async def test_the_same_edits_are_not_applied_twice_in_a_row(converse: Converse) -> None:
    """Here, what the edits replace is still there when they are applied."""
    line = "    return a * 2\n"
    grown = block("calc.py", line, f"    print(a)\n{line}")
    dialogue = converse(grown, grown, bash("true"), grown, SUBMIT, SUBMIT)
    result = await dialogue.run()
    assert dialogue.artifact(result).count("+    print(a)") == 2
    assert "are applied already" in results(dialogue)[1]


async def test_a_refused_request_loses_no_change_that_the_model_asked_to_submit(
    converse: Converse,
) -> None:
    submitted = converse(FIX, SUBMIT, Entry(status=400, times=1))
    result = await submitted.run()
    assert result.outcome is Outcome.PROPOSED
    assert "+    return a + b" in submitted.artifact(result)
    unfinished = converse(FIX, Entry(status=400, times=1))
    assert (await unfinished.run()).outcome is Outcome.FAILED


async def test_a_refused_request_at_the_start_of_a_round_proposes_no_earlier_change(
    converse: Converse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_STEPS", 2)
    dialogue = converse(BREAK, SUBMIT, Entry(status=400, times=1))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.FAILED, 2)


async def test_two_alternating_calls_are_a_repetition(converse: Converse) -> None:
    turns = [view("calc.py"), view("test_calc.py")] * 5
    dialogue = converse(*turns, limits=ONE_ROUND)
    assert "the model repeated itself" in (await dialogue.run()).reason
    assert len(dialogue.client.sent) == 7


async def test_the_change_is_proposed_when_the_steps_are_used_up(
    converse: Converse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_STEPS", 3)
    dialogue = converse(FIX, view("calc.py"), view("test_calc.py"), SUBMIT)
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, 3)
    assert transcript(dialogue, result)["ending"] == "all 3 steps are used up"


async def test_the_change_is_proposed_when_the_money_is_used_up(converse: Converse) -> None:
    dialogue = converse(
        Entry(reply=FIX, times=1, cost_usd=0.4),
        Entry(reply=view("calc.py"), times=1, cost_usd=0.3),
        Entry(reply=SUBMIT, cost_usd=0.4),
    )
    result = await dialogue.run()
    assert (result.outcome, result.cost_usd) == (Outcome.PROPOSED, 0.7)
    steps = transcript(dialogue, result)["steps"]
    assert isinstance(steps, list)
    assert steps[0]["notes"] == []
    assert "$0.70 of $1.00 are used up" in steps[1]["notes"][0], "the next call reserves $0.40"


async def test_the_change_is_proposed_when_the_time_is_used_up(
    converse: Converse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MINUTES_SHARE", 0.0)
    seconds = iter([0.0])
    monkeypatch.setattr(limits.RoundLimits, "_elapsed", lambda self: next(seconds, 1.0))
    dialogue = converse(FIX, SUBMIT)
    result = await dialogue.run()
    assert (result.outcome, len(dialogue.client.sent)) == (Outcome.PROPOSED, 1)


@pytest.mark.parametrize("code", ["context_length_exceeded", "content_policy_violation"])
async def test_the_change_is_proposed_when_the_model_refuses_the_prompt(
    converse: Converse, code: str
) -> None:
    dialogue = converse(FIX, Entry(status=400, code=code))
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)


async def test_the_transcript_is_stored_when_the_provider_ends_the_run(converse: Converse) -> None:
    dialogue = converse(view("calc.py"), Entry(status=400, code="content_policy_violation"))
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.NO_FIX, 1)
    steps = transcript(dialogue, result)["steps"]
    assert isinstance(steps, list) and len(steps) == 1


async def test_scratch_files_are_reported_and_left_out(converse: Converse) -> None:
    dialogue = converse(
        FIX,
        bash(
            "echo 'print(1)' > repro.py; python3 repro.py; mkdir .a; seq 3 > .a/notes.sh;"
            " sh .a/notes.sh; echo 'print(1)' > data.py; python3 -u data.py; echo 1 > settings.cfg;"
            " cp calc.py x$$;"
            " head -c 9 /dev/zero > plot.png; ln -s /etc/passwd link; mkdir -p .github/workflows;"
            " echo x > .github/workflows/ci.yml; echo '(' > broken.py"
        ),
        SUBMIT,
        tool("submit", summary="Adds. data.py prints the table of the issue."),
    )
    result = await dialogue.run()
    review = results(dialogue)[-1]
    assert (
        "uses these new files: `.a/notes.sh`, `data.py`, `repro.py`, `settings.cfg`, `x" in review
    )
    assert "unless the summary names them: `.a/notes.sh`, `data.py`, `repro.py`, `x" in review
    for reason in (
        "`plot.png`: it is a binary file",
        "`link`: ",
        "`.github/workflows/ci.yml`: ",
        "`broken.py`: With the edits, `broken.py` no longer parses",
    ):
        assert reason in review
    assert result.outcome is Outcome.PROPOSED
    patch = dialogue.artifact(result)
    changed = [line for line in patch.splitlines() if line.startswith("diff --git")]
    names = [line.rpartition("/")[2] for line in changed]
    assert names == ["calc.py", "data.py", "settings.cfg"], "a file of the change is never lost"


async def test_a_renamed_file_is_not_a_scratch_file(converse: Converse) -> None:
    rename = "printf '%s\\n' a b c > new.txt; git mv test_calc.py 'renamed file.md'"
    dialogue = converse(FIX, bash(rename), SUBMIT, SUBMIT, limits=ONE_ROUND)
    result = await dialogue.run()
    assert "Nothing uses these new files: `new.txt`." in results(dialogue)[-1]
    assert "+++ b/renamed file.md" in dialogue.artifact(result)


async def test_a_scratch_file_alone_can_not_be_submitted(converse: Converse) -> None:
    dialogue = converse(SUBMIT, bash("echo x > notes.$((1))"), SUBMIT, SUBMIT, limits=ONE_ROUND)
    result = await dialogue.run()
    assert result.outcome is Outcome.NO_FIX and "Only scratch files are left" in result.reason
    assert "Nothing can be submitted: No file differs" in results(dialogue)[0]


async def test_a_missing_test_is_requested_and_a_new_one_is_run_on_the_base(
    converse: Converse,
) -> None:
    vain = (
        "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_it(self):\n        pass\n"
    )
    dialogue = converse(
        replace("calc.py", "a * 2", "2 * a"),
        SUBMIT,
        tool("edit", command="create", path="test_new.py", file_text=vain),
        SUBMIT,
        SUBMIT,
    )
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    _, without, _, with_test = results(dialogue)
    assert "The change has no test" in without
    assert "None of the tests in the change fails without the rest of it" in with_test


async def test_other_test_files_are_run_once_without_the_changes(
    converse: Converse, prepared: Prepared
) -> None:
    chosen = {"whole": False, "tests": ("test_other.py",)}
    dialogue = converse(
        BREAK,
        tool("run_tests", tests="test_calc.py"),
        tool("run_tests", tests="./test_calc.py::TestCalc::test_double"),
        tool("needs_info", what="Which?"),
        tool("needs_info", what="Which?"),
        suite=prepared.suite.model_copy(update=chosen),
    )
    await dialogue.run()
    _, whole_file, one_test, _ = results(dialogue)
    broken = "Fail, but did not fail without your changes: `test_calc.TestCalc::test_double`."
    assert broken in whole_file and broken in one_test
    assert "Fail with and without your changes: `test_calc.TestCalc::test_add`." in whole_file
    assert len(list(dialogue.artifacts.root.rglob("*tests-base-agent.log"))) == 1


def test_a_failure_without_a_result_on_the_base_is_reported_as_such() -> None:
    report = TestReport(
        results={"t::new": "failed"}, completed=True, failures={}, seconds=0.1, log_key=""
    )
    base = report.model_copy(update={"results": {"t::old": "passed"}})
    assert "Fail, and were not run without your changes: `t::new`" in describe_report(report, base)


async def test_needs_info_must_be_called_twice_if_there_is_a_change(converse: Converse) -> None:
    missing = await converse(tool("needs_info", what="Which numbers?")).run()
    assert missing.outcome is Outcome.NEEDS_INFO and "Which numbers?" in missing.reason
    assert sorted(missing.templates) == ["agent", "agent_system"]
    dialogue = converse(FIX, *[tool("needs_info", what="Which?")] * 2)
    assert (await dialogue.run()).outcome is Outcome.NEEDS_INFO
    assert "There are changes in the workspace (`calc.py`)" in results(dialogue)[-1]


async def test_no_change_needed_stores_its_proof(converse: Converse) -> None:
    unneeded = tool("no_change_needed", why="It doubles.")
    dialogue = converse(
        unneeded,
        FIX,
        unneeded,
        unneeded,
        bash("git checkout -q calc.py"),
        tool("edit", command="create", path="test_new.py", file_text=NEW_TEST),
        unneeded,
    )
    result = await dialogue.run()
    assert result.outcome is Outcome.NO_CHANGE_NEEDED
    assert "1 test made from the issue passes" in result.reason
    assert "+class TestDouble(" in dialogue.artifact(result, "reproduction")
    no_test, _, asked, refused, _, _ = results(dialogue)
    assert "needs proof" in no_test and "needs proof" in refused
    assert "There are changes in the workspace" in asked


async def test_a_call_that_would_end_the_work_is_refused_after_a_failed_one(
    converse: Converse,
) -> None:
    both = f"{replace('calc.py', 'nothing', 'x')}\n\n{SUBMIT}"
    dialogue = converse(FIX, SUBMIT, both, SUBMIT)
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    third = results(dialogue)[2]
    assert "(call 2 of 2)" in third and "another call of the same reply failed" in third


async def test_edits_without_a_call_can_replace_the_change_at_the_start_of_a_round(
    converse: Converse,
) -> None:
    base = "    return a - b\n\n\ndef double(a):\n    return a * 2\n"
    dialogue = converse(
        Entry(
            reply=block("calc.py", base, base.replace("a - b", "a + b")),
            when="Why the previous attempt failed",
        ),
        Entry(reply=block("calc.py", base, base.replace("a * 2", "a * 3"))),
    )
    result = await dialogue.run()
    assert (result.outcome, result.rounds) == (Outcome.PROPOSED, 2)
    assert result.verification is Verification.RED_TO_GREEN
    assert any("earlier change was undone" in text for text in results(dialogue))
    assert "a * 3" not in dialogue.artifact(result)


async def test_commands_have_the_environment_even_if_no_test_runs_in_it(
    converse: Converse, prepared: Prepared
) -> None:
    unrunnable = {
        "runnable": False,
        "base": None,
        "reason": "the tests can't be run: none ran",
        "environment_built": True,
    }
    suite = prepared.suite.model_copy(update=unrunnable)
    dialogue = converse(bash("command -v python"), FIX, SUBMIT, SUBMIT, suite=suite)
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.NOT_VERIFIED)
    assert "/env/bin/python\n" in results(dialogue)[0]
    assert "tests run with" not in dialogue.client.sent[0].messages[0].content


async def test_a_review_runs_no_tests_that_take_longer_than_the_remaining_time(
    converse: Converse, prepared: Prepared
) -> None:
    assert prepared.suite.base is not None
    slow = prepared.suite.base.model_copy(update={"seconds": 1_000.0})
    dialogue = converse(FIX, SUBMIT, SUBMIT, suite=prepared.suite.model_copy(update={"base": slow}))
    assert (await dialogue.run()).outcome is Outcome.PROPOSED
    assert "were not run for this review" in results(dialogue)[-1]
