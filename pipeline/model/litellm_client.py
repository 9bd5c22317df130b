"""LiteLLM as a ModelClient: one call is one attempt, its worst case known before and its cost
after.

litellm takes 4 s and 215 MB to import, so it is imported when first used; ``warm`` does that ahead
of time."""

import asyncio
import logging
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import Halt, describe, retry_after
from pipeline.model import Message, ModelReply, ModelRequest, Price
from pipeline.model.failures import Failure, ModelError, family, uncharged
from pipeline.outcome import Outcome
from pipeline.telemetry import MIN_SECRET, environment_secrets

#: litellm counts with OpenAI's tokenizer where it has no other. Other families' make up to about
#: 1.5 times as many tokens of prose and code; what one packs far better than another (long runs of
#: one character) the share of bytes bounds. No byte-level tokenizer makes more tokens than bytes.
COUNT_MARGIN = 2.0
BYTES_A_TOKEN = 2.0
#: What a provider adds around each message, and once more for the reply's start.
OVERHEAD_TOKENS = 64
#: Providers that keep prompts by themselves; a mark would be an unknown field to them.
_CACHE_UNMARKED = ("openai", "azure")


class LiteLLMClient:
    """Keys and addresses are litellm's own variables (``OPENAI_API_KEY``, ``OPENAI_API_BASE``,
    ...).
    """

    def __init__(self, *, timeout: float = 300.0, prices: Mapping[str, Price] | None = None):
        """``timeout``: seconds for a whole call. ``prices``: of models that litellm's list does not
        know.
        """
        self._timeout = timeout
        self._prices = dict(prices or {})

    def warm(self) -> None:
        """Import litellm now. Blocks for seconds."""
        _litellm()

    def check(self, model: str) -> None:
        """Raises ValueError, saying why, where a call's cost would have no bound: none will be made
        then.
        """
        self._price(model, 0)
        if "max_tokens" not in (_litellm().get_supported_openai_params(model=model) or []):
            raise ValueError(
                f"model {model!r}: litellm can't limit how much it writes, so its cost has no bound"
            )

    def price(self, model: str) -> Price:
        """List price of a short prompt; the dearest where the list has several. Raises ValueError
        where it has none.
        """
        return self._price(model, 0)

    def worst_case_usd(self, request: ModelRequest) -> float:
        """Blocks for about a second at its first call, which reads the tokenizer."""
        try:
            self.check(request.model)
        except ValueError as error:
            raise Halt(Outcome.REJECTED, str(error)) from error
        messages = _as_sent(request.messages, marked=False)
        counted: int = _litellm().token_counter(model=request.model, messages=messages)
        size = sum(len(message.content.encode(errors="replace")) for message in request.messages)
        tokens = math.ceil(min(size, max(counted * COUNT_MARGIN, size / BYTES_A_TOKEN)))
        tokens += OVERHEAD_TOKENS * (1 + len(messages))
        price = self._price(request.model, tokens)
        return tokens * price.input + self._max_tokens(request) * price.output

    async def complete(self, request: ModelRequest) -> ModelReply:
        """One attempt.

        Raises:
            ModelError: uncharged where it was refused before any work; a time-out, a 5xx or a broken connection may
                have been charged.
        """
        litellm = await asyncio.to_thread(_litellm)
        from openai import OpenAIError  # the base of litellm's errors too

        try:
            async with asyncio.timeout(self._timeout):
                response = await litellm.acompletion(
                    model=request.model,
                    messages=_as_sent(request.messages, marked=self._takes_marks(request.model)),
                    max_tokens=self._max_tokens(request),
                    temperature=request.temperature,
                    timeout=self._timeout,
                    max_retries=0,
                    num_retries=0,
                    drop_params=True,  # some models take no temperature
                )
        except TimeoutError:
            raise ModelError(
                Failure.TIMEOUT, f"nothing within {self._timeout:g} s", charged=True
            ) from None
        except OpenAIError as error:
            # Never chained: the originals carry requests, and some providers repeat the key in what
            # they say.
            raise _told(error, request.model) from None
        try:
            return self._reply(response, request)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise ModelError(Failure.UNREADABLE, describe(error), charged=True) from None

    def _reply(self, response: Any, request: ModelRequest) -> ModelReply:
        usage = getattr(response, "usage", None)
        choice = response.choices[0]
        prompt = int(getattr(usage, "prompt_tokens", 0) or 0)
        completion = int(getattr(usage, "completion_tokens", 0) or 0)
        details = getattr(usage, "prompt_tokens_details", None)
        return ModelReply(
            content=choice.message.content or "",
            finish_reason=choice.finish_reason or "",
            model=request.model,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost_usd=self._cost(response, request, prompt, completion),
            cached_tokens=int(getattr(details, "cached_tokens", 0) or 0),
        )

    def _cost(self, response: Any, request: ModelRequest, prompt: int, completion: int) -> float:
        """By the usage; the worst case where the provider told none, since silence does not make it
        free.
        """
        if prompt and (price := self._prices.get(request.model)):
            return prompt * price.input + completion * price.output
        cost = response._hidden_params.get("response_cost") if prompt else None
        return self.worst_case_usd(request) if cost is None else float(cost)

    def _takes_marks(self, model: str) -> bool:
        """Whether the provider keeps a prompt only where it is told to, and bills that."""
        row = {} if model in self._prices else _listed(model)
        return (
            bool(row.get("cache_creation_input_token_cost"))
            and row["litellm_provider"] not in _CACHE_UNMARKED
        )

    def _max_tokens(self, request: ModelRequest) -> int:
        """What is asked for, or less where the model can't write as much."""
        known = {} if request.model in self._prices else _listed(request.model)
        return min(request.max_tokens, known.get("max_output_tokens") or request.max_tokens)

    def _price(self, model: str, tokens: int) -> Price:
        """The dearest that may be billed for ``tokens`` of input: long contexts, priority and cache
        writes included.
        """
        if own := self._prices.get(model):
            return own
        rates: dict[str, list[float]] = {"input": [], "output": []}
        for field, value in _listed(model).items():
            kind = re.match(
                r"(?P<output>output_cost_per_(reasoning_)?token)|(input_cost_per|cache_creation_input)_token",
                field,
            )
            tier = re.search(r"_above_(\d+)k_tokens", field)
            asked_for = "_above_1hr" in field  # only a request that asks for it pays it
            if (
                kind
                and not asked_for
                and not (tier and tokens <= int(tier[1]) * 1000)
                and isinstance(value, int | float)
            ):
                rates["output" if kind["output"] else "input"].append(value)
        if not rates["input"] or not rates["output"]:
            raise ValueError(
                f"model {model!r} has no price a token in litellm's list: choose one that has"
            )
        return Price(input=max(rates["input"]), output=max(rates["output"]))


def _as_sent(messages: Sequence[Message], *, marked: bool) -> list[dict[str, Any]]:
    """The marks are Anthropic's (docs.litellm.ai, "Prompt Caching"); four at most are taken."""
    last = (
        [index for index, message in enumerate(messages) if message.reused][-4:] if marked else []
    )
    sent: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        part = {"type": "text", "text": message.content, "cache_control": {"type": "ephemeral"}}
        sent.append({"role": message.role, "content": [part] if index in last else message.content})
    return sent


def _litellm() -> Any:
    # Read at import: no price list from the network, and no .env of whatever folder this is.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    import litellm
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    AsyncHTTPHandler.single_connection_post_request = _not_again
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    # At DEBUG it logs whole requests.
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return litellm


async def _not_again(*_: Any, **__: Any) -> Any:
    """In place of the second POST that litellm's own client makes, in its ``except``, where a connection broke: the
    first one may have been paid for."""
    raise  # noqa: PLE0704


def listed_input_price(model: str) -> float | None:
    """US dollars a token of input, at litellm's list price; None where it lists none."""
    price = _listed(model).get("input_cost_per_token")
    return float(price) if price is not None else None


def _listed(model: str) -> dict[str, Any]:
    """The model's row in litellm's price list, as it stands there; empty where there is none."""
    litellm = _litellm()
    try:
        row: dict[str, Any] = litellm.model_cost[litellm.get_model_info(model)["key"]]
    except Exception:  # what litellm raises for an unknown model is a bare Exception
        return {}
    return row


def _told(error: Any, model: str) -> ModelError:
    status = getattr(error, "status_code", None)
    failure = family(status, _code(error), type(error).__name__)
    said = _without_keys(describe(error))
    return ModelError(failure, said, charged=not uncharged(status, model), delay=retry_after(error))


def _code(error: BaseException | None) -> str | None:
    """The provider's own error code; litellm keeps it in one of the errors that it raised on the
    way.
    """
    while error is not None:
        body = getattr(error, "body", None)
        if isinstance(body, dict) and isinstance(body.get("code"), str):
            return str(body["code"])
        error = error.__context__
    return None


def _without_keys(text: str) -> str:
    for name, value in environment_secrets().items():
        if len(value) >= MIN_SECRET:
            text = text.replace(value, f"[{name}]")
    return text
