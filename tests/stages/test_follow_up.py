"""The agent goes on with its own conversation to answer a review."""

from pathlib import Path

from pipeline.engine.engine import Deferred, Ended
from pipeline.model.scripted import Entry
from pipeline.outcome import Outcome, RunResult, Verification
from pipeline.pull_history import PullHistory
from pipeline.run_key import RunKey
from repository.git import Identity
from stages.address_review import Review
from stages.address_review.review import RemarkToAnswer
from stages.address_review.source import read_conversation_key
from stages.propose_patch import Plan, Proposals, ReviewComment
from tests.stages.conversation import (
    FIX,
    SUBMIT,
    Client,
    Conversation,
    Prepared,
    bash,
    block,
    replace,
    tool,
)

AUTHOR = Identity("a", "a@b.c")
PULL = "https://github.com/octo/calc/pull/7"
RENAME = replace("calc.py", "return a + b", "return b + a")
REPLY = tool("reply", comment="C1", text="Done: the operands are swapped.")
FOLLOW_UP = tool("submit", summary="add() adds its operands in the other order.")


async def fix(folder: Path, prepared: Prepared) -> tuple[Conversation, Review]:
    """Return a conversation that fixed the issue, and the review of its pull request."""
    entries = tuple(Entry(reply=text, times=1, cost_usd=0.01) for text in (FIX, SUBMIT, SUBMIT))
    dialogue = Conversation(folder / "fix", prepared, Client(entries), plan=Plan("agent"))
    result = await dialogue.run()
    assert result.outcome is Outcome.PROPOSED
    return dialogue, review_of(dialogue, result)


def review_of(dialogue: Conversation, result: RunResult) -> Review:
    """Return a review, after writing the pull request's commit into the mirror."""
    mirror = dialogue.prepared.origin.mirror
    base = dialogue.prepared.origin.sha
    tree = mirror.apply(base, dialogue.artifact(result).encode())
    source = RunKey(result.job_id, result.generation)
    history = PullHistory(dialogue.store, dialogue.artifacts)
    comment = ReviewComment(
        name="C1",
        author="ada",
        path="calc.py",
        place="line 2",
        hunk="@@ -1,2 +1,2 @@",
        body="Please swap the operands.",
    )
    return Review(
        pull_request_url=PULL,
        pull_request_number=7,
        branch="coding-agent/issue-1-abc",
        head_sha=mirror.commit(tree, base, "the fix", AUTHOR, 1_000_000_000),
        remarks=(RemarkToAnswer(key="line-comment-1", thread_id=1, comment=comment),),
        checks=(),
        omitted=(),
        source=source,
        max_usd=0.5,
        conversation_key=read_conversation_key(history, source),
    )


def follow_up(
    folder: Path, earlier: Conversation, review: Review, *replies: str, plan: str = "agent"
) -> Conversation:
    entries = tuple(Entry(reply=text, times=1, cost_usd=0.01) for text in replies)
    return Conversation(
        folder / "review",
        earlier.prepared,
        Client(entries),
        plan=Plan(plan),  # type: ignore[arg-type]
        review=review,
        earlier=earlier,
    )


def proposals(dialogue: Conversation, result: RunResult) -> Proposals:
    history = PullHistory(dialogue.store, dialogue.artifacts)
    key = RunKey(result.job_id, result.generation)
    stored = history.read(key, "propose_patch", Proposals)
    assert stored is not None
    return stored


async def test_the_review_is_the_next_message_of_the_conversation_that_made_the_change(
    tmp_path: Path, prepared: Prepared
) -> None:
    earlier, review = await fix(tmp_path, prepared)
    dialogue = follow_up(
        tmp_path, earlier, review, bash("cat calc.py"), RENAME, REPLY, FOLLOW_UP, FOLLOW_UP
    )
    result = await dialogue.run()
    assert (result.outcome, result.verification) == (Outcome.PROPOSED, Verification.RED_TO_GREEN)
    before = [message.content for message in earlier.client.sent[-1].messages]
    first = [message.content for message in dialogue.client.sent[0].messages]
    assert first[: len(before)] == before
    assert first[len(before)] == SUBMIT
    news = first[-1]
    assert "Harness: The change is pull request #7 now" in news
    assert "C1, by `ada`, on `calc.py`, line 2:" in news
    assert "```\nPlease swap the operands.\n```" in news
    assert '<tool name="reply">' in news
    # Not git diff: the base was written within the same second, which is all that git compares.
    shown = dialogue.client.sent[1].messages[-1].content
    assert "    return a + b" in shown, "the workspace has the change"
    assert "+    return b + a" in dialogue.artifact(result)
    (proposal,) = proposals(dialogue, result).proposals
    assert proposal.replies == {"C1": "Done: the operands are swapped."}
    assert proposal.reply == "add() adds its operands in the other order."
    assert result.cost_usd == 0.05


async def test_a_comment_without_a_reply_is_named_before_the_final_submit(
    tmp_path: Path, prepared: Prepared
) -> None:
    earlier, review = await fix(tmp_path, prepared)
    wrong = tool("reply", comment="C7", text="Done.")
    dialogue = follow_up(tmp_path, earlier, review, FOLLOW_UP, wrong, REPLY, FOLLOW_UP)
    result = await dialogue.run()
    reviewed, refused, replied = [
        request.messages[-1].content for request in dialogue.client.sent[1:]
    ]
    assert "The files are the same as in the pull request" in reviewed
    assert "These comments have no reply yet: `C1`." in reviewed
    assert "There is no comment `C7`. The comments are: `C1`." in refused
    assert "Noted" in replied
    assert proposals(dialogue, result).proposals[0].replies.keys() == {"C1"}
    assert dialogue.artifact(result) == earlier_patch(earlier)


def earlier_patch(earlier: Conversation) -> str:
    row = earlier.store.runs()[-1]
    assert row.result is not None
    return earlier.artifact(RunResult.model_validate_json(row.result))


async def test_calls_that_only_a_fix_has_do_not_end_a_review(
    tmp_path: Path, prepared: Prepared
) -> None:
    earlier, review = await fix(tmp_path, prepared)
    unneeded = tool("no_change_needed", why="It works.")
    dialogue = follow_up(tmp_path, earlier, review, unneeded, REPLY, FOLLOW_UP, FOLLOW_UP)
    result = await dialogue.run()
    assert "This task is a review" in dialogue.client.sent[1].messages[-1].content
    assert result.outcome is Outcome.PROPOSED


async def test_a_follow_up_killed_in_every_step_sends_the_same_bytes_and_buys_nothing_twice(
    tmp_path: Path, prepared: Prepared
) -> None:
    earlier, review = await fix(tmp_path, prepared)
    replies = (bash("echo 1 > $TMPDIR/n"), RENAME, REPLY, FOLLOW_UP, FOLLOW_UP)
    expected = follow_up(tmp_path / "one", earlier, review, *replies)
    expected.same_paths = True
    await expected.run()
    later = review.model_copy(update={"pull_request_url": PULL.replace("7", "8")})
    disturbed = follow_up(tmp_path / "one", earlier, later, *replies)
    disturbed.same_paths = True
    for number in range(1, len(replies)):
        disturbed.client.dies_at = number
        assert isinstance(await disturbed.deliver(), Deferred)
    answer = await disturbed.deliver()
    assert isinstance(answer, Ended)
    sent = [request.hash for request in disturbed.client.sent]
    assert sent == [request.hash for request in expected.client.sent]
    calls = disturbed.store.calls(RunKey(answer.result.job_id, 0))
    assert sum(call.state == "settled" for call in calls) == len(replies)


async def test_without_a_stored_conversation_the_model_is_shown_the_change_and_asked_once(
    tmp_path: Path, prepared: Prepared
) -> None:
    earlier, review = await fix(tmp_path, prepared)
    review = review.model_copy(update={"conversation_key": None})
    edits = block("calc.py", "    return a - b\n", "    return b + a\n")
    reply = f"The operands are swapped.\n\n{edits}\nREPLY C1: Done: they are swapped."
    dialogue = follow_up(tmp_path, earlier, review, reply)
    result = await dialogue.run()
    (prompt,) = dialogue.client.prompts
    assert "+    return a + b" in prompt and "Please swap the operands." in prompt
    assert "+    return b + a" in dialogue.artifact(result)
    (proposal,) = proposals(dialogue, result).proposals
    assert proposal.replies == {"C1": "Done: they are swapped."}
    assert "REPLY" not in proposal.reply


async def test_an_answer_without_edits_proposes_the_pull_request_as_it_is(
    tmp_path: Path, prepared: Prepared
) -> None:
    earlier, review = await fix(tmp_path, prepared)
    review = review.model_copy(update={"conversation_key": None})
    dialogue = follow_up(tmp_path, earlier, review, "REPLY C1: Addition commutes: no change.")
    result = await dialogue.run()
    assert dialogue.artifact(result) == earlier_patch(earlier)
    assert proposals(dialogue, result).proposals[0].replies.keys() == {"C1"}
