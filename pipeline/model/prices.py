"""What model calls cost: prices, the most that a call can cost, and the cost of a reply's usage."""

import math
import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import Halt
from pipeline.model import ModelRequest, Price
from pipeline.model.litellm_library import listed_model, load_litellm
from pipeline.outcome import Outcome

#: litellm counts with OpenAI's tokenizer if it has no other. Other families' tokenizers produce up
#: to about 1.5 times as many tokens for prose and code; for text that one compresses far better
#: than another (long runs of one character), the share of bytes is the bound. No byte-level
#: tokenizer produces more tokens than bytes.
COUNT_MARGIN = 2.0
BYTES_PER_TOKEN = 2.0
#: Tokens that a provider may add around each message, and once more to start the reply.
OVERHEAD_TOKENS = 64
#: Length of a reply for which the request sets no limit.
DEFAULT_MAX_TOKENS = 8_000

#: Prefixes of the fields of litellm's price list that may be billed for a token.
_INPUT_PRICES = ("input_cost_per_token", "cache_creation_input_token")
_OUTPUT_PRICES = ("output_cost_per_token", "output_cost_per_reasoning_token")
#: A price that applies only above so many thousand input tokens.
_ABOVE_TOKENS = re.compile(r"_above_(\d+)k_tokens")
#: A price for a longer-lived cache, which only a request that asks for it pays.
_LONG_CACHE = "_above_1hr"


class ModelPrices:
    """Prices of models: our own where there is one, else those of litellm's list."""

    def __init__(self, own: Mapping[str, Price] | None = None):
        """``own`` are prices of models that are missing from litellm's list."""
        self._own = dict(own or {})

    def check(self, model: str) -> None:
        """Reject a model whose calls have no upper bound on their cost.

        Raises:
            ValueError: it has no price, or litellm can't limit the length of its replies.
        """
        self.price(model)
        parameters = load_litellm().get_supported_openai_params(model=model) or []
        if "max_tokens" not in parameters:
            raise ValueError(
                f"model {model!r}: litellm can't limit how much it writes, so its cost has no bound"
            )

    def price(self, model: str) -> Price:
        """Return the list price for a short prompt, the highest if there are several.

        Raises:
            ValueError: the model has no price.
        """
        return self._highest_price(model, input_tokens=0)

    def worst_case_usd(self, request: ModelRequest) -> float:
        """Return the most that the call can cost, in US dollars.

        The first use blocks for about a second to load the tokenizer.

        Raises:
            Halt: the cost has no upper bound.
        """
        try:
            self.check(request.model)
        except ValueError as error:
            raise Halt(Outcome.REJECTED, str(error)) from error
        input_tokens = _most_input_tokens(request)
        price = self._highest_price(request.model, input_tokens)
        return input_tokens * price.input + self.max_tokens(request) * price.output

    def cost_usd(
        self,
        request: ModelRequest,
        *,
        prompt_tokens: int,
        completion_tokens: int,
        listed_usd: float | None,
    ) -> float:
        """Return the cost of the reported usage, or the worst case if none is reported.

        ``listed_usd`` is what litellm calculates from its own list.
        """
        if not prompt_tokens:
            return self.worst_case_usd(request)
        own_price = self._own.get(request.model)
        if own_price is not None:
            return prompt_tokens * own_price.input + completion_tokens * own_price.output
        return self.worst_case_usd(request) if listed_usd is None else listed_usd

    def max_tokens(self, request: ModelRequest) -> int:
        """Return the requested length of the reply, or the model's limit if that is lower."""
        limit = self.listed(request.model).get("max_output_tokens")
        requested = request.max_tokens or DEFAULT_MAX_TOKENS
        return min(requested, limit or requested)

    def listed(self, model: str) -> dict[str, Any]:
        """Return the model's row in litellm's list; empty if it has a price of our own."""
        return {} if model in self._own else listed_model(model)

    def _highest_price(self, model: str, input_tokens: int) -> Price:
        """Return the highest price that may be billed for this much input, including those for long
        contexts, priority and cache writes.
        """
        own_price = self._own.get(model)
        if own_price is not None:
            return own_price
        row = listed_model(model)
        input_price = _highest(row, _INPUT_PRICES, input_tokens)
        output_price = _highest(row, _OUTPUT_PRICES, input_tokens)
        if input_price is None or output_price is None:
            raise ValueError(
                f"model {model!r} has no price per token in litellm's list: choose one that has"
            )
        return Price(input=input_price, output=output_price)


def listed_input_price(model: str) -> float | None:
    """Return litellm's list price of an input token in US dollars; None if it has none."""
    price = listed_model(model).get("input_cost_per_token")
    return float(price) if price is not None else None


def _highest(row: Mapping[str, Any], prefixes: tuple[str, ...], input_tokens: int) -> float | None:
    """Return the highest price in the row that a request with so much input may be billed at."""
    prices = []
    for field, value in row.items():
        if not field.startswith(prefixes) or not isinstance(value, int | float):
            continue
        above = _ABOVE_TOKENS.search(field)
        is_for_longer_input = above is not None and input_tokens <= int(above[1]) * 1000
        if is_for_longer_input or _LONG_CACHE in field:
            continue
        prices.append(value)
    return max(prices, default=None)


def _most_input_tokens(request: ModelRequest) -> int:
    """Return an upper bound on the input tokens that the provider will count."""
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    counted: int = load_litellm().token_counter(model=request.model, messages=messages)
    size = sum(len(message.content.encode(errors="replace")) for message in request.messages)
    likely_most = max(counted * COUNT_MARGIN, size / BYTES_PER_TOKEN)
    overhead = OVERHEAD_TOKENS * (1 + len(messages))
    return math.ceil(min(size, likely_most)) + overhead
