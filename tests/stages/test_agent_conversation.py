"""The messages that an agent's stored steps become."""

import itertools
from pathlib import Path

from pipeline.model import Message, ToolCall
from pipeline.model.capabilities import ModelProfile
from stages.propose_patch.agent.conversation import (
    DEFAULT_HISTORY,
    FULL_STEPS,
    MIN_HISTORY,
    conversation,
    count_same_messages,
    max_history,
)
from stages.propose_patch.agent.messages import REPEATING
from stages.propose_patch.agent.step_checks import check_step
from stages.propose_patch.agent.steps import Observation, StepRecord

PROMPT = (Message(role="system", content="s"), Message(role="user", content="u"))


def step(number: int, *texts: str, native: bool = False, **more: object) -> StepRecord:
    calls = [
        ToolCall(id=f"{number}.{index}", name="bash", arguments="{}") for index in range(len(texts))
    ]
    observations = [
        Observation(call_id=call.id if native else None, tool="bash", call="ls", text=text)
        for call, text in zip(calls, texts, strict=True)
    ]
    return StepRecord.model_validate(
        {
            "number": number,
            "round": 1,
            "reply": Message(
                role="assistant", content="ls", tool_calls=tuple(calls) if native else ()
            ),
            "label": "",
            "exchange_key": "",
            "observations": observations,
            "history_limit": 1,
        }
        | more
    )


def shown(*records: StepRecord, before: str = "") -> list[tuple[str, str]]:
    messages = conversation(PROMPT, records, before, 100_000)
    return [(message.role, message.content) for message in messages[2:]]


def test_each_native_call_is_answered_before_the_harness_messages() -> None:
    record = step(1, "one", "two", native=True, notes=("look",))
    assert shown(record, before="again") == [
        ("assistant", "ls"),
        ("tool", "one"),
        ("tool", "two"),
        ("user", "Harness: look\n\nHarness: again"),
    ]
    answers = conversation(PROMPT, [record], "", 100_000)[3:5]
    assert [message.tool_call_id for message in answers] == ["1.0", "1.1"]


def test_text_calls_are_answered_in_one_message() -> None:
    record = step(1, "one", "two", notes=("look",))
    (_, (role, content)) = shown(record)
    assert role == "user"
    assert content == (
        "Harness: result of `bash` (call 1 of 2):\n\none\n\n"
        "Harness: result of `bash` (call 2 of 2):\n\ntwo\n\nHarness: look"
    )
    assert shown(step(1, "one"))[-1] == ("user", "Harness: result of `bash`:\n\none")


def test_old_observations_are_left_out_by_halving_the_history() -> None:
    records = [step(number, "x" * 1_000) for number in range(1, 31)]
    histories = [conversation(PROMPT, records[:count], "", 10_000) for count in range(31)]
    left_out = [
        sum("left out" in message.content for message in messages) for messages in histories
    ]
    assert left_out[9] == 0 and max(left_out) <= 30 - FULL_STEPS
    assert all(sum(len(m.content) for m in messages) < 13_000 for messages in histories)
    changes = sum(before != after for before, after in itertools.pairwise(left_out))
    assert changes <= 6, "what a provider has cached stays good for several steps"
    last_results = histories[30][-2 * FULL_STEPS + 1 :: 2]
    assert all("x" * 1_000 in message.content for message in last_results)
    assert [message.reused for message in histories[2]] == [False, True, False, False, False, True]
    assert count_same_messages(histories[2], histories[3]) == len(histories[2])


def test_the_history_fits_into_the_models_context_with_prompt_and_reply() -> None:
    prompt = (Message(role="system", content="s" * 5_000), Message(role="user", content="u"))
    profile = ModelProfile(max_tokens={"agent": 8_000, "single": 1}, context=108_000)
    assert max_history(profile, prompt) == 300_000 - 5_001
    assert max_history(profile.model_copy(update={"context": 8_192}), prompt) == MIN_HISTORY
    assert max_history(ModelProfile(), prompt) == DEFAULT_HISTORY


async def test_a_repetition_has_equal_calls_with_equal_results(tmp_path: Path) -> None:
    async def nearly_used(steps: int) -> None:
        return None

    async def repeats(*records: StepRecord) -> bool:
        check = await check_step(records[-1], records[:-1], tmp_path, nearly_used)
        return REPEATING in check.notes

    assert await repeats(step(1, "in 0.1s"), step(2, "in 0.2s"), step(3, "in 0.3s"))
    assert not await repeats(step(1, "a"), step(2, "b"), step(3, "a"))
    assert not await repeats(step(1), step(2), step(3)), "a reply without a call repeats nothing"
