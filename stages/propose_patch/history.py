"""The agent's steps, and what of them is sent to the model."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.model import Message
from prompts.filters import fenced

#: Characters of the steps that are sent, about 25,000 tokens; beyond them the oldest results are
#: left out.
MAX_HISTORY = 100_000
MIN_HISTORY = 12_000
#: The last results are always sent whole.
KEPT_STEPS = 4
#: How often the same call with the same result, or two in turn, make a circle.
REPEATS = 3


@dataclass(frozen=True)
class Step:
    reply: str
    call: str
    """The call as it was understood; the reply where it was not."""
    result: str
    wrong: bool
    """Whether the call could not be carried out."""
    note: str = ""
    """What the model is told beside the result."""


def goes_in_circles(steps: Sequence[Step]) -> bool:
    """Whether the last steps repeat one call and result, or two in turn.

    After OpenHands' stuck detector.
    """
    turns = [(step.call, step.result) for step in steps]
    if _all_equal(turns[-REPEATS:], REPEATS):
        return True
    pairs = turns[-2 * REPEATS :]
    if len(pairs) < 2 * REPEATS:
        return False
    one = pairs[::2]
    other = pairs[1::2]
    return _all_equal(one, REPEATS) and _all_equal(other, REPEATS)


def _all_equal(turns: Sequence[tuple[str, str]], count: int) -> bool:
    """Whether there are ``count`` turns, and all are the same."""
    return len(turns) == count and len(set(turns)) == 1


def conversation(
    prompt: Sequence[Message], steps: Sequence[Step], max_steps: int, max_chars: int
) -> tuple[Message, ...]:
    """Return the messages to send.

    The prompt's end and the last message are marked for the provider's prompt cache.
    """
    left_out = _count_left_out(steps, max_chars)
    messages = [*prompt[:-1], _reused(prompt[-1])]
    for number, step in enumerate(steps, 1):
        result = _show_result(step, leave_out=number <= left_out)
        text = f"Step {number} of {max_steps}:\n\n{result}"
        messages.append(Message(role="assistant", content=step.reply))
        messages.append(Message(role="user", content=text))
    messages[-1] = _reused(messages[-1])
    return tuple(messages)


def _show_result(step: Step, *, leave_out: bool) -> str:
    """Return a step's result and note as the model reads them."""
    result = fenced(step.result)
    if leave_out:
        result = f"[{len(step.result)} characters, left out]"
    if step.note:
        result += f"\n\n{step.note}"
    return result


def _reused(message: Message) -> Message:
    return message.model_copy(update={"reused": True})


def _count_left_out(steps: Sequence[Step], max_chars: int) -> int:
    """Return how many of the oldest results are left out.

    Half of the history is left out at a time, since each change invalidates what the provider has
    cached. The steps are gone through one by one, so that a resumed run comes to the same number.
    """
    left_out = 0
    for count in range(1, len(steps) + 1):
        sent = steps[:count]
        if _size(sent, left_out) <= max_chars:
            continue
        most = count - KEPT_STEPS
        while left_out < most and _size(sent, left_out) > max_chars // 2:
            left_out += 1
    return left_out


def _size(steps: Sequence[Step], left_out: int) -> int:
    replies = sum(len(step.reply) for step in steps)
    results = sum(len(step.result) for step in steps[left_out:])
    return replies + results
