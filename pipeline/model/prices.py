"""Prices of models, the most that a call can cost, and what a reply cost."""

import json
from typing import Any

from pipeline.errors import Halt
from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import Models
from pipeline.model.conversation_tokens import CountedConversations, most_input_tokens
from pipeline.model.litellm_library import listed_model, load_litellm
from pipeline.model.price import PER_MILLION, Price, Usage
from pipeline.model.price_list import listed_price
from pipeline.model.worst_case import WorstCase
from pipeline.outcome import Outcome

#: Providers that cache prompts automatically; they would reject a mark as an unknown field.
_UNMARKED_PROVIDERS = ("openai", "azure")
#: Arguments by which a request limits the length of a reply.
_LENGTH_LIMITS = {"max_tokens", "max_completion_tokens"}


class ModelPrices:
    """Prices of models: an operator's own, if set, else those of litellm's list."""

    def __init__(self, models: Models):
        self._models = models
        self._counted = CountedConversations()

    def check(self, model: str) -> None:
        """Reject a model whose calls have no upper bound on their cost.

        Raises:
            ValueError: it has no price, or litellm can't limit the length of its replies. The text
                says how to set what is missing.
        """
        price = self.price(model)
        if price.output and not self._limits_replies(model):
            place = _place_for(model, "extra: {allowed_openai_params: [max_tokens]}")
            raise ValueError(
                f"LiteLLM doesn't limit how much the model {model!r} writes, so its cost has no"
                f" bound. If the server accepts max_tokens, say so in {place}"
            )

    def price(self, model: str, *, input_tokens: int = 0) -> Price:
        """Return the price for a request with at most ``input_tokens`` tokens of input.

        Raises:
            ValueError: the model has no price. The text says how to set one.
        """
        profile = self._models.profile(model)
        if profile.price is not None:
            return profile.price
        service_tier = profile.extra.get("service_tier")
        price = listed_price(model, input_tokens=input_tokens, service_tier=service_tier)
        if price is None:
            raise ValueError(
                f"the model {model!r} has no price in LiteLLM's list. Set its US dollars per"
                " million tokens of input and of output (zeros for a server of your own):"
                f" CODING_AGENT_MODEL_PRICES={model}=0/0"
            )
        return price

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        """Remember how many tokens the provider counted, for requests that continue from there."""
        self._counted.record(request, reply)

    def worst_case(self, request: ModelRequest) -> WorstCase:
        """Return the most that the call can cost.

        A cache entry may have expired, so the input is priced as if none of it were cached. The
        first use blocks for about a second to load the tokenizer.

        Raises:
            Halt: the cost has no upper bound.
        """
        try:
            self.check(request.model)
        except ValueError as error:
            raise Halt(Outcome.REJECTED, str(error)) from error
        counted = self._counted.longest_prefix(request)
        input_tokens = most_input_tokens(request, counted)
        price = self.price(request.model, input_tokens=input_tokens)
        input_price = price.input
        if price.cache_write is not None and self._may_write_cache(request):
            input_price = max(input_price, price.cache_write)
        return WorstCase(
            input_usd=input_tokens * input_price / PER_MILLION,
            max_tokens=self.max_tokens(request),
            token_usd=price.output / PER_MILLION,
        )

    def cost_usd(self, request: ModelRequest, usage: Usage, *, listed_usd: float | None) -> float:
        """Return what a call cost, in US dollars; the worst case if the provider reports no usage.

        ``listed_usd`` is what litellm calculates from its own list.
        """
        if not usage.prompt_tokens:
            return self.worst_case(request).usd
        own_price = self._models.profile(request.model).price
        if own_price is None and listed_usd is not None:
            return listed_usd
        price = self.price(request.model, input_tokens=usage.prompt_tokens)
        return price.cost_usd(usage)

    def max_tokens(self, request: ModelRequest) -> int:
        """Return the length of the reply to ask for, at most what the model can write."""
        profile = self._models.profile(request.model)
        length = request.max_tokens or profile.max_tokens[request.use]
        limit = listed_model(request.model).get("max_output_tokens")
        return min(length, limit or length)

    def needs_cache_marks(self, model: str) -> bool:
        """Return whether the provider caches only what is marked, and bills for caching."""
        row = listed_model(model)
        own_price = self._models.profile(model).price
        is_billed = own_price is not None and own_price.cache_write
        if not is_billed and not row.get("cache_creation_input_token_cost"):
            return False
        provider = row.get("litellm_provider") or model.partition("/")[0]
        return provider not in _UNMARKED_PROVIDERS

    def _may_write_cache(self, request: ModelRequest) -> bool:
        if not self.needs_cache_marks(request.model):
            return True
        return any(message.reused for message in request.messages)

    def _limits_replies(self, model: str) -> bool:
        supported = load_litellm().get_supported_openai_params(model=model) or []
        allowed = self._models.profile(model).extra.get("allowed_openai_params", [])
        return bool(_LENGTH_LIMITS & {*supported, *allowed})


def _place_for(model: str, settings: str) -> str:
    """Return where an operator writes settings of a model, with the line to write."""
    return f"the file that CODING_AGENT_MODELS names: {json.dumps(model)}: {{{settings}}}"


def read_usage(usage: Any) -> Usage:
    """Read the usage of a litellm response, which may be missing or incomplete."""
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        prompt_tokens=_tokens(usage, "prompt_tokens"),
        completion_tokens=_tokens(usage, "completion_tokens"),
        cached_tokens=_tokens(details, "cached_tokens"),
        cache_write_tokens=_tokens(details, "cache_write_tokens"),
    )


def _tokens(counts: Any, name: str) -> int:
    value = getattr(counts, name, None)
    return value if isinstance(value, int) and value > 0 else 0
