"""Input tokens of requests: exact for what a provider has already counted, a bound for the rest."""

import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.model import Message, ModelReply, ModelRequest
from pipeline.model.litellm_library import load_litellm

#: litellm counts with OpenAI's tokenizer if it has no other. Other families' tokenizers produce up
#: to about 1.5 times as many tokens for prose and code; for text that one compresses far better
#: than another (long runs of one character), the share of bytes is the bound. No byte-level
#: tokenizer produces more tokens than bytes.
COUNT_MARGIN = 2.0
BYTES_PER_TOKEN = 2.0
#: Tokens that a provider may add around each message and each tool, and once more to start the
#: reply.
OVERHEAD_TOKENS = 64
#: Tokens of the instructions that a provider adds to a request with tools. The highest known number
#: is 530 (https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview#pricing).
TOOL_USE_TOKENS = 1_000
#: A reply that is sent back may be written differently, such as a tool call's arguments.
REPLY_MARGIN = 1.25
#: Conversations whose tokens are remembered.
_MAX_CONVERSATIONS = 10_000


@dataclass(frozen=True)
class CountedPrefix:
    """The first messages of a request, if a provider has counted their tokens."""

    messages: int
    tokens: int
    """An upper bound: exact except for a reply that is sent back."""


NOTHING_COUNTED = CountedPrefix(messages=0, tokens=0)


class CountedConversations:
    """The tokens that providers reported for conversations.

    The next request of a conversation begins with the messages of the one before, followed by its
    reply: the reply's usage says how many tokens they have. The memory is filled by stored replies
    as well as by new ones, so a run that is resumed elsewhere has it again.
    """

    def __init__(self) -> None:
        self._tokens: OrderedDict[bytes, int] = OrderedDict()

    def record(self, request: ModelRequest, reply: ModelReply) -> None:
        """Remember the usage of the reply, unless the provider reported none."""
        if not reply.prompt_tokens:
            return
        conversation = (*request.messages, reply.as_message())
        *_, sent, answered = _prefix_hashes(request, conversation)
        self._remember(sent, reply.prompt_tokens)
        sent_back = math.ceil(reply.completion_tokens * REPLY_MARGIN)
        self._remember(answered, reply.prompt_tokens + sent_back)

    def longest_prefix(self, request: ModelRequest) -> CountedPrefix:
        """Return the longest beginning of the request that was counted for the same model."""
        longest = NOTHING_COUNTED
        hashes = _prefix_hashes(request, request.messages)
        for number, prefix_hash in enumerate(hashes, 1):
            tokens = self._tokens.get(prefix_hash)
            if tokens is not None:
                longest = CountedPrefix(number, tokens)
        return longest

    def _remember(self, prefix_hash: bytes, tokens: int) -> None:
        self._tokens[prefix_hash] = tokens
        if len(self._tokens) > _MAX_CONVERSATIONS:
            self._tokens.popitem(last=False)


def most_input_tokens(request: ModelRequest, counted: CountedPrefix) -> int:
    """Return an upper bound on the input tokens that the provider will count."""
    new_messages = request.messages[counted.messages :]
    new_tools = () if counted.messages else request.tools
    texts = [tool.model_dump_json() for tool in new_tools]
    for message in new_messages:
        texts += _texts(message)
    overhead = OVERHEAD_TOKENS * (1 + len(new_messages) + len(new_tools))
    if new_tools:
        overhead += TOOL_USE_TOKENS
    return counted.tokens + _most_tokens(request.model, texts) + overhead


def _most_tokens(model: str, texts: Sequence[str]) -> int:
    """Return an upper bound on the tokens of the texts, whatever the tokenizer."""
    text = "\n".join(texts)
    size = len(text.encode(errors="replace"))
    counted: int = load_litellm().token_counter(model=model, text=text) if text else 0
    likely_most = max(counted * COUNT_MARGIN, size / BYTES_PER_TOKEN)
    return math.ceil(min(size, likely_most))


def _texts(message: Message) -> Iterator[str]:
    """Yield everything in a message that a model reads."""
    yield message.content
    for call in message.tool_calls:
        yield call.model_dump_json()
    for block in message.reasoning:
        yield json.dumps(block, ensure_ascii=False)


def _prefix_hashes(request: ModelRequest, messages: Iterable[Message]) -> Iterator[bytes]:
    """Yield a hash for each beginning of the messages, the shortest first.

    It includes what else decides the number of tokens: the model and the tools.
    """
    tools = [tool.model_dump(mode="json") for tool in request.tools]
    digest = hashlib.sha256(_canonical([request.model, tools]))
    for message in messages:
        # A mark for the cache moves along with the conversation.
        digest.update(_canonical(message.model_dump(mode="json", exclude={"reused"})))
        yield digest.digest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
