"""A ModelClient that uses LiteLLM. A call's worst-case cost is known before it, its cost after it.

Importing litellm takes 3 s and 215 MB, so it is imported on first use; ``warm`` does that ahead of
time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from pipeline.errors import describe
from pipeline.model import ModelReply, ModelRequest, chat_api, responses_api
from pipeline.model.capabilities import ModelProfile, Models, merge
from pipeline.model.credentials import is_set, needed_credentials
from pipeline.model.failures import Failure, ModelError
from pipeline.model.litellm_errors import to_model_error
from pipeline.model.litellm_library import listed_model, load_litellm, no_logging_task
from pipeline.model.prices import ModelPrices
from pipeline.model.worst_case import WorstCase

#: Providers whose model names an operator chooses: deployments and self-hosted servers.
_NAMED_BY_OPERATORS = ("azure/", "openai/")


class LiteLLMClient:
    """Calls models through litellm.

    API keys and base URLs come from litellm's own environment variables (``OPENAI_API_KEY``,
    ``OPENAI_API_BASE``, ...).
    """

    def __init__(self, models: Models | None = None):
        """``models`` are the settings of models; by default the shipped ones."""
        self._models = models or Models.load()
        self._prices = ModelPrices(self._models)

    def warm(self) -> None:
        """Import litellm now. Blocks for several seconds."""
        load_litellm()

    def profile(self, model: str) -> ModelProfile:
        return self._models.profile(model)

    def check(self, model: str) -> None:
        """Reject a model whose calls have no upper bound on their cost.

        Raises:
            ValueError: it has no price, or litellm can't limit the length of its replies.
        """
        self._prices.check(model)

    def check_credentials(self, model: str) -> None:
        """Reject a model whose key, or whose server's address, is missing in the environment.

        Raises:
            ValueError: the text names the variables.
        """
        extra = self.profile(model).extra
        missing = [each for each in needed_credentials(model) if not is_set(each, extra)]
        if missing:
            names = ", ".join(each.name for each in missing)
            meanings = " and ".join(each.meaning for each in missing)
            raise ValueError(f"{names} is not set: {meanings} for {model}")

    def worst_case(self, request: ModelRequest) -> WorstCase:
        """Return the most that the call can cost.

        The first use blocks for about a second to load the tokenizer.

        Raises:
            Halt: the cost has no upper bound.
        """
        return self._prices.worst_case(request)

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        self._prices.record_usage(request, reply)

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Make one attempt.

        Raises:
            ModelError: not charged if the request was refused before any work; a time-out, a 5xx or
                a broken connection may have been charged.
        """
        await asyncio.to_thread(load_litellm)
        profile = self.profile(request.model)
        request = request.model_copy(update={"max_tokens": self._prices.max_tokens(request)})
        response = await self._send(request, profile)
        try:
            return self._reply(response, request, profile)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise ModelError(Failure.UNREADABLE, describe(error), charged=True) from None

    async def _send(self, request: ModelRequest, profile: ModelProfile) -> Any:
        """Return the provider's response as litellm's object."""
        from openai import OpenAIError  # the base of litellm's errors too

        call = self._call(request, profile)
        try:
            with no_logging_task():
                async with asyncio.timeout(profile.timeout_seconds):
                    return await call(timeout=profile.timeout_seconds, max_retries=0, num_retries=0)
        except TimeoutError:
            message = f"no answer within {profile.timeout_seconds:g} s"
            raise ModelError(Failure.TIMEOUT, message, charged=True) from None
        except OpenAIError as error:
            # Never chained: the original errors contain requests, and some providers repeat the key
            # in their messages.
            raise to_model_error(error, request.model) from None

    def _call(self, request: ModelRequest, profile: ModelProfile) -> Callable[..., Awaitable[Any]]:
        """Return litellm's function with the request's arguments."""
        litellm = load_litellm()
        if profile.api == "responses":
            return partial(litellm.aresponses, **responses_api.arguments(request, profile))
        marked = self._prices.needs_cache_marks(request.model)
        arguments = chat_api.arguments(request, profile, marked=marked)
        if _is_unlisted_name(request.model):
            arguments = merge({"allowed_openai_params": ["reasoning_effort"]}, arguments)
        # litellm leaves out what the model does not accept according to its list.
        return partial(litellm.acompletion, **arguments, drop_params=True)

    def _reply(self, response: Any, request: ModelRequest, profile: ModelProfile) -> ModelReply:
        api = responses_api if profile.api == "responses" else chat_api
        answer = api.read(response)
        usage = answer.usage
        return ModelReply(
            content=answer.content,
            tool_calls=answer.tool_calls,
            reasoning=answer.reasoning if profile.keeps_reasoning else (),
            reasoning_text=answer.reasoning_text,
            finish_reason=answer.finish_reason,
            model=request.model,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            reasoning_tokens=answer.reasoning_tokens,
            cost_usd=self._prices.cost_usd(
                request, usage, listed_usd=response._hidden_params.get("response_cost")
            ),
        )


def _is_unlisted_name(model: str) -> bool:
    """Return whether litellm can't know what a deployment or a self-hosted model accepts."""
    return model.startswith(_NAMED_BY_OPERATORS) and not listed_model(model)
