"""The agent's steps, and the conversation that is sent to the model."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.model import Message
from prompts.filters import fenced

#: Limit of the steps that are sent, in characters (about 25,000 tokens); beyond it, the oldest
#: results are left out.
MAX_HISTORY = 100_000
MIN_HISTORY = 12_000
#: The results of the last steps are always sent in full.
FULL_STEPS = 4
#: A call and result, or an alternating pair of them, that occurs this often is a circle.
REPEATS = 3


@dataclass(frozen=True)
class Step:
    reply: str
    call: str
    """The call as it was parsed; the whole reply if that failed."""
    result: str
    wrong: bool
    """Whether the call was invalid or failed."""
    note: str = ""
    """A note to the model below the result."""


def goes_in_circles(steps: Sequence[Step]) -> bool:
    """Whether the last steps repeat one call and result, or alternate between two.

    Modelled on OpenHands' stuck detector.
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

    The last message of the prompt and of the conversation are marked for the provider's cache.
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
    """Return a step's result and note as shown to the model."""
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

    The history is halved at a time, since each change invalidates the provider's cache. The number
    is computed step by step, so that a resumed run gets the same one.
    """
    left_out = 0
    for count in range(1, len(steps) + 1):
        sent = steps[:count]
        if _size(sent, left_out) <= max_chars:
            continue
        most = count - FULL_STEPS
        while left_out < most and _size(sent, left_out) > max_chars // 2:
            left_out += 1
    return left_out


def _size(steps: Sequence[Step], left_out: int) -> int:
    replies = sum(len(step.reply) for step in steps)
    results = sum(len(step.result) for step in steps[left_out:])
    return replies + results
