"""LiteLLM as a ModelClient: one call is one attempt, its worst case known before and its cost after.

litellm takes 4 s and 215 MB to import, so it is imported when first used; ``warm`` does that ahead of time.
"""

import asyncio
import logging
import math
import os
import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import Halt, Retry, describe, retry_after
from pipeline.model import CallNotCharged, ModelReply, ModelRequest, Price
from pipeline.outcome import Outcome

#: litellm counts with OpenAI's tokenizer where it has no other. Other families' make up to about 1.5 times as many
#: tokens of prose and code; what one packs far better than another (long runs of one character) the share of bytes
#: bounds. No byte-level tokenizer makes more tokens than bytes.
COUNT_MARGIN, BYTES_A_TOKEN = 2.0, 2.0
#: What a provider adds around each message, and once more for the reply's start.
OVERHEAD_TOKENS = 64
#: Seconds until a run that met a used-up account looks again: somebody must pay it first.
QUOTA_DELAY = 3600.0


class LiteLLMClient:
    """Keys and addresses are litellm's own variables (``OPENAI_API_KEY``, ``OPENAI_API_BASE``, ...)."""

    def __init__(self, *, timeout: float = 300.0, prices: Mapping[str, Price] | None = None):
        """``timeout``: seconds for a whole call. ``prices``: of models that litellm's list does not know."""
        self._timeout, self._prices = timeout, dict(prices or {})

    def warm(self) -> None:
        """Import litellm now. Blocks for seconds."""
        _litellm()

    def check(self, model: str) -> None:
        """Raises ValueError, saying why, where a call's cost would have no bound: none will be made then."""
        self._price(model, 0)
        if "max_tokens" not in (_litellm().get_supported_openai_params(model=model) or []):
            raise ValueError(f"model {model!r}: litellm can't limit how much it writes, so its cost has no bound")

    def worst_case_usd(self, request: ModelRequest) -> float:
        """Blocks for about a second at its first call, which reads the tokenizer."""
        try:
            self.check(request.model)
        except ValueError as error:
            raise Halt(Outcome.REJECTED, str(error)) from error
        messages = [message.model_dump() for message in request.messages]
        counted: int = _litellm().token_counter(model=request.model, messages=messages)
        size = sum(len(message.content.encode(errors="replace")) for message in request.messages)
        tokens = math.ceil(min(size, max(counted * COUNT_MARGIN, size / BYTES_A_TOKEN)))
        tokens += OVERHEAD_TOKENS * (1 + len(messages))
        price = self._price(request.model, tokens)
        return tokens * price.input + self._max_tokens(request) * price.output

    async def complete(self, request: ModelRequest) -> ModelReply:
        """One attempt.

        Raises:
            CallNotCharged: refused before any work; its cause is a Retry or a Halt.
            Retry: it may have been charged: a time-out, a 5xx, a broken connection.
        """
        litellm = await asyncio.to_thread(_litellm)
        from openai import OpenAIError  # the base of litellm's errors too

        try:
            async with asyncio.timeout(self._timeout):
                response = await litellm.acompletion(
                    model=request.model,
                    messages=[message.model_dump() for message in request.messages],
                    max_tokens=self._max_tokens(request),
                    temperature=request.temperature,
                    timeout=self._timeout,
                    max_retries=0,
                    num_retries=0,
                    drop_params=True,  # some models take no temperature
                )
        except TimeoutError:
            raise Retry(f"the model did not answer within {self._timeout:g} s") from None
        except OpenAIError as error:
            # Never chained: the originals carry requests, and some providers repeat the key in what they say.
            verdict = _verdict(error)
            if _uncharged(error, request.model):
                raise CallNotCharged from verdict
            raise verdict from None
        return self._reply(response, request)

    def _reply(self, response: Any, request: ModelRequest) -> ModelReply:
        usage, choice = getattr(response, "usage", None), response.choices[0]
        prompt = int(getattr(usage, "prompt_tokens", 0) or 0)
        completion = int(getattr(usage, "completion_tokens", 0) or 0)
        return ModelReply(
            content=choice.message.content or "",
            finish_reason=choice.finish_reason or "",
            model=request.model,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost_usd=self._cost(response, request, prompt, completion),
        )

    def _cost(self, response: Any, request: ModelRequest, prompt: int, completion: int) -> float:
        """By the usage; the worst case where the provider told none, since silence does not make it free."""
        if prompt and (price := self._prices.get(request.model)):
            return prompt * price.input + completion * price.output
        cost = response._hidden_params.get("response_cost") if prompt else None
        return self.worst_case_usd(request) if cost is None else float(cost)

    def _max_tokens(self, request: ModelRequest) -> int:
        """What is asked for, or less where the model can't write as much."""
        known = {} if request.model in self._prices else _listed(request.model)
        return min(request.max_tokens, known.get("max_output_tokens") or request.max_tokens)

    def _price(self, model: str, tokens: int) -> Price:
        """The dearest that may be billed for ``tokens`` of input: long contexts, priority and cache writes included."""
        if own := self._prices.get(model):
            return own
        rates: dict[str, list[float]] = {"input": [], "output": []}
        for field, value in _listed(model).items():
            kind = re.match(
                r"(?P<output>output_cost_per_(reasoning_)?token)|(input_cost_per|cache_creation_input)_token", field
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
            raise ValueError(f"model {model!r} has no price a token in litellm's list: choose one that has")
        return Price(input=max(rates["input"]), output=max(rates["output"]))


def _litellm() -> Any:
    # Read at import: no price list from the network, and no .env of whatever folder this is.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    import litellm

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    # At DEBUG it logs whole requests.
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return litellm


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


def _uncharged(error: Any, model: str) -> bool:
    """Refused before any work. Azure may bill a 400, of its content filter or its input limit
    (learn.microsoft.com, Azure OpenAI, "HTTP error response code and billing status"). A time-out is told as 408."""
    free = {401, 403, 404, 413, 422, 429} | (set() if model.startswith("azure") else {400})
    return getattr(error, "status_code", None) in free


def _verdict(error: Any) -> Retry | Halt:
    """What a provider's error means. By status and code first: litellm's classes are not to be relied on (a 401 of
    unusual text is a BadRequestError, a used-up account a RateLimitError)."""
    status, code, name = getattr(error, "status_code", None), _code(error), type(error).__name__
    said = _without_keys(describe(error))
    if status in (401, 403):
        return Retry(f"the model provider refused the key: {said}")
    if status == 404:
        return Halt(Outcome.FAILED, f"the model provider does not know the model: {said}")
    if status == 429 and code == "insufficient_quota":
        return Retry(f"the model provider's account is used up: {said}", QUOTA_DELAY)
    if name == "ContextWindowExceededError" or code == "context_length_exceeded":
        return Halt(Outcome.NO_FIX, f"the prompt is longer than the model's context: {said}")
    if name == "ContentPolicyViolationError" or code in ("content_policy_violation", "content_filter"):
        return Halt(Outcome.NO_FIX, f"the model provider's content policy refused the prompt: {said}")
    if status in (400, 413, 422):
        return Halt(Outcome.FAILED, f"the model provider refused the request: {said}")
    return Retry(f"the model provider: {said}", retry_after(error))


def _code(error: BaseException | None) -> str | None:
    """The provider's own error code; litellm keeps it in one of the errors that it raised on the way."""
    while error is not None:
        body = getattr(error, "body", None)
        if isinstance(body, dict) and isinstance(body.get("code"), str):
            return str(body["code"])
        error = error.__context__
    return None


def _without_keys(text: str) -> str:
    for name, value in os.environ.items():
        if re.search(r"(KEY|TOKEN|SECRET|PASSWORD)", name) and len(value) >= 8:
            text = text.replace(value, f"[{name}]")
    return text
