"""Build the conversation for the model from only the prompt and the stored steps."""

import json
from collections.abc import Sequence

from pipeline.model import Message
from pipeline.model.capabilities import ModelProfile
from prompts.filters import code
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.steps import Observation, StepRecord

#: Maximum length of the steps that are sent, in characters, if the model's context is not known.
#: Beyond it, the oldest observations are left out.
DEFAULT_HISTORY = 400_000
MIN_HISTORY = 12_000
#: Characters per token: a low average for code and the output of programs.
CHARS_PER_TOKEN = 3
#: The observations of the last steps are always sent in full.
FULL_STEPS = 4


def max_history(profile: ModelProfile, prompt: Sequence[Message]) -> int:
    """Return how many characters of steps fit into a model's context with prompt and reply."""
    if profile.context is None:
        return DEFAULT_HISTORY
    tokens = profile.context - profile.max_tokens["agent"]
    characters = tokens * CHARS_PER_TOKEN - sum(len(message.content) for message in prompt)
    return max(characters, MIN_HISTORY)


def conversation(
    prompt: Sequence[Message], records: Sequence[StepRecord], before: str, max_chars: int
) -> tuple[Message, ...]:
    """Return the messages to send.

    The last message of the prompt and of the conversation are marked for the provider's cache.

    Args:
        prompt: the first messages.
        records: the steps so far.
        before: the harness's message that opens a round, for the next step; usually empty.
        max_chars: limit of the steps, in characters.
    """
    left_out = count_left_out(records, max_chars)
    writer = _Writer([*prompt[:-1], _reused(prompt[-1])])
    for index, record in enumerate(records):
        writer.add_harness_message(record.before)
        writer.add(record.reply)
        writer.add_results(record, leave_out=index < left_out)
    writer.add_harness_message(before)
    return writer.finish()


class _Writer:
    """Collects messages. Parts for the user role are joined, since two in a row are refused."""

    def __init__(self, sent: list[Message]):
        self._sent = sent
        self._parts: list[str] = []

    def add(self, message: Message) -> None:
        self._flush()
        self._sent.append(message)

    def add_harness_message(self, text: str) -> None:
        if text:
            self._parts.append(messages.say(text))

    def add_results(self, record: StepRecord, *, leave_out: bool) -> None:
        """Add a step's results: of native calls as messages, of calls in text as parts of one."""
        written: list[Observation] = []
        for observation in record.observations:
            if observation.call_id is None:
                written.append(observation)
                continue
            text = _text(observation, leave_out=leave_out)
            self.add(Message(role="tool", content=text, tool_call_id=observation.call_id))
        for number, observation in enumerate(written, 1):
            heading = messages.say(f"result of {code(observation.tool)}")
            if len(written) > 1:
                heading += f" (call {number} of {len(written)})"
            text = _text(observation, leave_out=leave_out)
            self._parts.append(f"{heading}:\n\n{text}")
        self.add_harness_message("\n\n".join(record.notes))

    def finish(self) -> tuple[Message, ...]:
        self._flush()
        self._sent[-1] = _reused(self._sent[-1])
        return tuple(self._sent)

    def _flush(self) -> None:
        if self._parts:
            self._sent.append(Message(role="user", content="\n\n".join(self._parts)))
            self._parts = []


def _text(observation: Observation, *, leave_out: bool) -> str:
    if leave_out:
        size = len(observation.text)
        return messages.say(f"{size} characters, left out to keep the conversation short.")
    return observation.text


def _reused(message: Message) -> Message:
    return message.model_copy(update={"reused": True})


def count_left_out(records: Sequence[StepRecord], max_chars: int) -> int:
    """Return the number of the oldest steps whose observations are left out.

    The history is halved each time, since every change invalidates the provider's cache. The number
    is computed step by step, so that a resumed run gets the same one.
    """
    left_out = 0
    size = 0
    for count, record in enumerate(records, 1):
        size += _reply_size(record) + _results_size(record)
        if size <= max_chars:
            continue
        most = count - FULL_STEPS
        while left_out < most and size > max_chars // 2:
            size -= _results_size(records[left_out])
            left_out += 1
    return left_out


def count_same_messages(one: Sequence[Message], other: Sequence[Message]) -> int:
    """Return how many messages, from the first, differ at most in their prompt cache marks."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first.model_copy(update={"reused": second.reused}) != second:
            break
        count += 1
    return count


def _reply_size(record: StepRecord) -> int:
    reply = record.reply
    arguments = sum(len(call.arguments) for call in reply.tool_calls)
    reasoning = len(json.dumps(reply.reasoning)) if reply.reasoning else 0
    return len(reply.content) + arguments + reasoning


def _results_size(record: StepRecord) -> int:
    return sum(len(observation.text) for observation in record.observations)
