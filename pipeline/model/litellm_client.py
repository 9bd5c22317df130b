"""A ModelClient that uses LiteLLM. A call's worst-case cost is known before it, its cost after it.

Importing litellm takes 4 s and 215 MB, so it is imported on first use; ``warm`` does that ahead of
time.
"""

import asyncio
import logging
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import Halt, describe, retry_after
from pipeline.model import Message, ModelReply, ModelRequest, Price
from pipeline.model.failures import Failure, ModelError, is_uncharged, to_failure
from pipeline.outcome import Outcome
from pipeline.telemetry import MIN_SECRET, environment_secrets

#: litellm counts with OpenAI's tokenizer if it has no other. Other families' tokenizers produce up
#: to about 1.5 times as many tokens for prose and code; for text that one compresses far better
#: than another (long runs of one character), the share of bytes is the bound. No byte-level
#: tokenizer produces more tokens than bytes.
COUNT_MARGIN = 2.0
BYTES_PER_TOKEN = 2.0
#: Tokens that a provider may add around each message, and once more to start the reply.
OVERHEAD_TOKENS = 64
#: Providers that cache prompts automatically; they would reject a mark as an unknown field.
_UNMARKED_PROVIDERS = ("openai", "azure")
#: Anthropic accepts four marks at most (docs.litellm.ai, "Prompt Caching").
_MAX_MARKS = 4

#: Prefixes of the fields of litellm's price list that may be billed for a token.
_INPUT_PRICES = ("input_cost_per_token", "cache_creation_input_token")
_OUTPUT_PRICES = ("output_cost_per_token", "output_cost_per_reasoning_token")
#: A price that applies only above so many thousand input tokens.
_ABOVE_TOKENS = re.compile(r"_above_(\d+)k_tokens")
#: A price for a longer-lived cache, which only a request that asks for it pays.
_LONG_CACHE = "_above_1hr"


class LiteLLMClient:
    """Calls models through litellm.

    API keys and base URLs come from litellm's own environment variables (``OPENAI_API_KEY``,
    ``OPENAI_API_BASE``, ...).
    """

    def __init__(self, *, timeout: float = 300.0, prices: Mapping[str, Price] | None = None):
        """Args:
        timeout: seconds for a whole call.
        prices: prices of models that are missing from litellm's list.
        """
        self._timeout = timeout
        self._prices = dict(prices or {})

    def warm(self) -> None:
        """Import litellm now. Blocks for several seconds."""
        _litellm()

    def check(self, model: str) -> None:
        """Reject a model whose calls have no upper bound on their cost.

        Raises:
            ValueError: it has no price, or litellm can't limit the length of its replies.
        """
        self.price(model)
        parameters = _litellm().get_supported_openai_params(model=model) or []
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
        return input_tokens * price.input + self._max_tokens(request) * price.output

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Make one attempt.

        Raises:
            ModelError: not charged if the request was refused before any work; a time-out, a 5xx or
                a broken connection may have been charged.
        """
        litellm = await asyncio.to_thread(_litellm)
        from openai import OpenAIError  # the base of litellm's errors too

        marked = self._needs_cache_marks(request.model)
        try:
            async with asyncio.timeout(self._timeout):
                response = await litellm.acompletion(
                    model=request.model,
                    messages=_provider_messages(request.messages, marked=marked),
                    max_tokens=self._max_tokens(request),
                    temperature=request.temperature,
                    timeout=self._timeout,
                    max_retries=0,
                    num_retries=0,
                    drop_params=True,  # some models accept no temperature
                )
        except TimeoutError:
            message = f"nothing within {self._timeout:g} s"
            raise ModelError(Failure.TIMEOUT, message, charged=True) from None
        except OpenAIError as error:
            # Never chained: the original errors contain requests, and some providers repeat the key
            # in their messages.
            raise _model_error(error, request.model) from None
        try:
            return self._reply(response, request)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise ModelError(Failure.UNREADABLE, describe(error), charged=True) from None

    def _reply(self, response: Any, request: ModelRequest) -> ModelReply:
        choice = response.choices[0]
        usage = getattr(response, "usage", None)
        details = getattr(usage, "prompt_tokens_details", None)
        prompt_tokens = int(getattr(usage, "prompt_tokens", 0) or 0)
        completion_tokens = int(getattr(usage, "completion_tokens", 0) or 0)
        return ModelReply(
            content=choice.message.content or "",
            finish_reason=choice.finish_reason or "",
            model=request.model,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost_usd=self._cost(response, request, prompt_tokens, completion_tokens),
            cached_tokens=int(getattr(details, "cached_tokens", 0) or 0),
        )

    def _cost(
        self, response: Any, request: ModelRequest, prompt_tokens: int, completion_tokens: int
    ) -> float:
        """Return the cost of the reported usage, or the worst case if none is reported."""
        if not prompt_tokens:
            return self.worst_case_usd(request)
        own_price = self._prices.get(request.model)
        if own_price is not None:
            return prompt_tokens * own_price.input + completion_tokens * own_price.output
        cost = response._hidden_params.get("response_cost")
        return self.worst_case_usd(request) if cost is None else float(cost)

    def _needs_cache_marks(self, model: str) -> bool:
        """Return whether the provider caches only what is marked, and bills for caching."""
        row = self._listed(model)
        if not row.get("cache_creation_input_token_cost"):
            return False
        return row["litellm_provider"] not in _UNMARKED_PROVIDERS

    def _max_tokens(self, request: ModelRequest) -> int:
        """Return the requested length of the reply, or the model's limit if that is lower."""
        limit = self._listed(request.model).get("max_output_tokens")
        return min(request.max_tokens, limit or request.max_tokens)

    def _listed(self, model: str) -> dict[str, Any]:
        """Return the model's row in litellm's list; empty if its price was passed to us."""
        return {} if model in self._prices else _listed(model)

    def _highest_price(self, model: str, input_tokens: int) -> Price:
        """Return the highest price that may be billed for this much input, including those for long
        contexts, priority and cache writes.
        """
        own_price = self._prices.get(model)
        if own_price is not None:
            return own_price
        row = _listed(model)
        input_price = _highest(row, _INPUT_PRICES, input_tokens)
        output_price = _highest(row, _OUTPUT_PRICES, input_tokens)
        if input_price is None or output_price is None:
            raise ValueError(
                f"model {model!r} has no price per token in litellm's list: choose one that has"
            )
        return Price(input=input_price, output=output_price)


def listed_input_price(model: str) -> float | None:
    """Return litellm's list price of an input token in US dollars; None if it has none."""
    price = _listed(model).get("input_cost_per_token")
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
    messages = _provider_messages(request.messages, marked=False)
    counted: int = _litellm().token_counter(model=request.model, messages=messages)
    size = sum(len(message.content.encode(errors="replace")) for message in request.messages)
    likely_most = max(counted * COUNT_MARGIN, size / BYTES_PER_TOKEN)
    overhead = OVERHEAD_TOKENS * (1 + len(messages))
    return math.ceil(min(size, likely_most)) + overhead


def _provider_messages(messages: Sequence[Message], *, marked: bool) -> list[dict[str, Any]]:
    """Return the messages in OpenAI's form; ``marked`` adds Anthropic's marks for the cache."""
    reused = [index for index, message in enumerate(messages) if message.reused]
    marked_indexes = reused[-_MAX_MARKS:] if marked else []
    sent: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        content: Any = message.content
        if index in marked_indexes:
            content = [
                {
                    "type": "text",
                    "text": message.content,
                    "cache_control": {"type": "ephemeral"},
                }
            ]
        sent.append({"role": message.role, "content": content})
    return sent


def _litellm() -> Any:
    # Read at import: no price list from the network, and no .env from the current folder.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    import litellm
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    AsyncHTTPHandler.single_connection_post_request = _refuse_second_post
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    # At DEBUG it logs whole requests.
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return litellm


async def _refuse_second_post(*_: Any, **__: Any) -> Any:
    """Re-raise the current error.

    Replaces the second POST that litellm's client makes in an ``except`` block after a broken
    connection: the first one may have been charged.
    """
    raise  # noqa: PLE0704


def _listed(model: str) -> dict[str, Any]:
    """Return the model's row in litellm's price list; empty if it has none."""
    litellm = _litellm()
    try:
        row: dict[str, Any] = litellm.model_cost[litellm.get_model_info(model)["key"]]
    except Exception:  # litellm raises a bare Exception for an unknown model
        return {}
    return row


def _model_error(error: Any, model: str) -> ModelError:
    status = getattr(error, "status_code", None)
    return ModelError(
        to_failure(status, _provider_code(error), type(error).__name__),
        _without_keys(describe(error)),
        charged=not is_uncharged(status, model),
        delay=retry_after(error),
    )


def _provider_code(error: BaseException | None) -> str | None:
    """Return the provider's own error code, which is found in one of the chained errors."""
    while error is not None:
        body = getattr(error, "body", None)
        if isinstance(body, dict) and isinstance(body.get("code"), str):
            return str(body["code"])
        error = error.__context__
    return None


def _without_keys(text: str) -> str:
    """Replace each secret of the environment with its variable's name, which helps find it."""
    for name, value in environment_secrets().items():
        if len(value) >= MIN_SECRET:
            text = text.replace(value, f"[{name}]")
    return text
