"""How a reply ended, in one word for all providers.

litellm takes an ending that it does not know for a proper one, and some failures too. Its table is
extended with ours, since some of its readers keep no other trace of the provider's word.

Sources: docs.claude.com ("Handling stop reasons"), ai.google.dev (FinishReason), docs.cohere.com
(finish_reason), docs.aws.amazon.com (Converse, stopReason), docs.mistral.ai, api-docs.deepseek.com,
cloud.ibm.com (watsonx, stop_reason), docs.bigmodel.cn, and the servers vLLM, SGLang and llama.cpp.
"""

from collections.abc import MutableMapping
from typing import Literal

FinishReason = Literal["length", "content_filter", "error"]

#: Provider's word, in lower case -> ours. A word that is not here is the proper end of a reply.
_FAILURES: dict[str, FinishReason] = {
    # The reply is not whole.
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "compaction": "length",
    "error_limit": "length",
    "token_limit": "length",
    "time_limit": "length",
    "limit": "length",
    "incomplete": "length",
    # The model or its provider refused to continue.
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "language": "content_filter",
    "other": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
    "image_prohibited_content": "content_filter",
    "model_armor": "content_filter",
    "error_toxic": "content_filter",
    "guardrail_intervened": "content_filter",
    "sensitive": "content_filter",
    # The provider failed while it answered.
    "error": "error",
    "network_error": "error",
    "insufficient_system_resource": "error",
    "malformed_response": "error",
    "abort": "error",
    "cancelled": "error",
}
#: What litellm's objects accept for ours; they have no word for an error.
_IN_LITELLM: dict[FinishReason, str] = {
    "length": "length",
    "content_filter": "content_filter",
    "error": "finish_reason_unspecified",
}


def to_finish_reason(word: str) -> str:
    """Return our word for a provider's or litellm's; a proper end keeps its own."""
    if word == _IN_LITELLM["error"]:
        return "error"
    return _FAILURES.get(word.lower(), word)


def extend_table(table: MutableMapping[str, str]) -> None:
    """Add the failures to litellm's table of the providers' words, which matches whole words.

    Some words are looked up twice, so litellm's own must be in it, too.
    """
    table.update({word: word for word in _IN_LITELLM.values()})
    for word, meaning in _FAILURES.items():
        for spelling in (word, word.upper()):
            table[spelling] = _IN_LITELLM[meaning]
