"""Buying one reply: the only place that retries a model call or falls back to another model.

A model that did not answer is first asked a short question (``pipeline/model/outages.py``): an
outage costs a run one call that may have been charged, however long it lasts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from pipeline.backoff import backoff
from pipeline.errors import Halt, Retry
from pipeline.model import Message, ModelReply, ModelRequest, ToolCall
from pipeline.model.capabilities import ModelProfile
from pipeline.model.client import ModelClient
from pipeline.model.failures import OUTAGES, Failure, ModelError
from pipeline.model.ledger import Ledger
from pipeline.model.outages import QUESTION_TIMEOUT, Outages, short_question

#: Seconds that a worker waits for a provider. For a longer wait, the run goes back to the queue.
MAX_WAIT = 30.0


def _unredacted(text: str) -> str:
    return text


class Buyer:
    """Buys replies from the deployment's model, or from the one that a request names."""

    def __init__(
        self,
        client: ModelClient,
        *,
        model: str,
        fallback: str | None = None,
        redact: Callable[[str], str] = _unredacted,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Args:
        client: makes one attempt at a call.
        model: the deployment's own model.
        fallback: used if the deployment's own model can't answer. A model that a job asks for by
            name is never replaced.
        redact: removes the process's secrets from requests and replies.
        sleep: waits for a number of seconds.
        clock: monotonic, in seconds.
        """
        self.model = model
        self._client = client
        self._fallback = fallback
        self._redact = redact
        self._sleep = sleep
        self._outages = Outages(clock)

    def profile(self, model: str) -> ModelProfile:
        """Return the settings that suit the model."""
        return self._client.profile(model)

    def redact(self, text: str) -> str:
        """Return the text without the process's secrets."""
        return self._redact(text)

    def redacted(self, request: ModelRequest) -> ModelRequest:
        """Return the request without secrets, as it is sent and stored."""
        messages = [self._redacted_message(message) for message in request.messages]
        return request.model_copy(update={"messages": tuple(messages)})

    async def buy(self, ledger: Ledger, key: str, request: ModelRequest) -> ModelReply:
        """Return the reply stored under ``key``, or a new one.

        If a model refuses to answer, the fallback is asked; if there is none, or it can't answer
        either, the refusal is the reply. Each attempt is a separate call in the ledger.

        Raises:
            ModelError: the prompt is too long; the caller may shorten it.
            Halt: the run must end: no money is left, or a retry would not help.
            Retry: the run can continue later.
        """
        request = self.redacted(request)
        reply = await ledger.find_reply(key)
        if reply is None:
            reply = await self._buy_new(ledger, key, request)
        if reply.refused:
            reply = await self._ask_fallback(ledger, key, request, refusal=reply)
        self._record_usage(request, reply)
        return reply

    async def reservation(self, request: ModelRequest) -> float:
        """Return the US dollars that a request reserves if enough money is left."""
        worst = await asyncio.to_thread(self._client.worst_case, self.redacted(request))
        return worst.usd

    async def recall(self, ledger: Ledger, key: str, request: ModelRequest) -> None:
        """Pass the usage of the reply that is stored under ``key``, if any, to the client.

        A resumed conversation does not buy its stored replies again, but reserves less for the next
        one if their usage is known.
        """
        reply = await ledger.find_reply(key)
        if reply is not None:
            self._record_usage(self.redacted(request), reply)

    def _record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        answered = request.model_copy(update={"model": reply.model})
        self._client.record_usage(answered, reply)

    async def _buy_new(self, ledger: Ledger, key: str, request: ModelRequest) -> ModelReply:
        """Ask the models in turn."""
        errors: list[ModelError] = []
        for model in self._models(request):
            try:
                request = request.model_copy(update={"model": model})
                return await self._buy_from_one(ledger, key, request)
            except ModelError as error:
                error.model = model
                errors.append(error)
                if not error.rule.try_fallback:
                    break
            except (Halt, Retry):
                if not errors:
                    raise
                break  # the fallback is unaffordable: ignore it
        raise _most_recoverable(errors) from None

    async def _ask_fallback(
        self, ledger: Ledger, key: str, request: ModelRequest, *, refusal: ModelReply
    ) -> ModelReply:
        """Return the fallback's reply to a request that a model refused, or else the refusal.

        Raises:
            Retry: the fallback does not answer now.
        """
        *_, fallback = self._models(request)
        if fallback == refusal.model:
            return refusal
        request = request.model_copy(update={"model": fallback})
        try:
            return await self._buy_from_one(ledger, f"{key}/fallback", request)
        except ModelError as error:
            error.model = fallback
            if error.failure in OUTAGES and not error.charged:
                raise error.verdict() from None
            return refusal
        except (Halt, Retry):
            return refusal

    def _redacted_message(self, message: Message) -> Message:
        """Return the message without secrets; its opaque reasoning must stay as it is."""
        content = self._redact(message.content)
        calls = self._redacted_calls(message.tool_calls)
        return message.model_copy(update={"content": content, "tool_calls": calls})

    def _redacted_reply(self, reply: ModelReply) -> ModelReply:
        update = {
            "content": self._redact(reply.content),
            "tool_calls": self._redacted_calls(reply.tool_calls),
            "reasoning_text": self._redact(reply.reasoning_text),
        }
        return reply.model_copy(update=update)

    def _redacted_calls(self, calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
        redacted = []
        for call in calls:
            arguments = self._redact(call.arguments)
            redacted.append(call.model_copy(update={"arguments": arguments}))
        return tuple(redacted)

    def _models(self, request: ModelRequest) -> list[str]:
        """Return the models to ask, in turn."""
        fallback = self._fallback
        if fallback is None or fallback == self.model or request.model != self.model:
            return [request.model]
        if request.tools and self.profile(fallback).protocol != "native":
            return [request.model]  # it couldn't continue the conversation
        return [self.model, fallback]

    async def _buy_from_one(self, ledger: Ledger, key: str, request: ModelRequest) -> ModelReply:
        """Ask one model, and retry after errors that may be brief."""
        failures = 0
        while True:
            try:
                await self._check_outage(ledger, key, request.model)
                return await self._attempt(ledger, key, request)
            except ModelError as error:
                failure = error
            # Not in the handler: litellm's errors that are raised within one lose their causes.
            failures += 1
            delay = failure.delay
            if delay is None:
                delay = backoff(failures, base=0.5, cap=MAX_WAIT)
            if failures > failure.rule.retries or delay > MAX_WAIT:
                if failure.charged:
                    await self._check_outage(ledger, key, request.model)
                raise failure
            await self._sleep(delay)

    async def _check_outage(self, ledger: Ledger, key: str, model: str) -> None:
        """Ask a model that did not answer its last call, or this one, a short question.

        Raises:
            ModelError: it still does not answer, or should not be asked again yet.
        """
        if await ledger.is_unanswered(key, model):
            self._outages.begin(model)
        if model not in self._outages:
            return
        pause = self._outages.pause(model)
        if pause > 0:
            raise ModelError(Failure.OVERLOAD, "it does not answer", charged=False, delay=pause)
        try:
            await self._ask_short_question(ledger, key, model)
        except ModelError as error:
            if error.failure in OUTAGES:
                pause = self._outages.go_on(model)
                raise error.uncharged(max(pause, error.delay or 0.0)) from None
        self._outages.end(model)

    async def _ask_short_question(self, ledger: Ledger, key: str, model: str) -> None:
        request = short_question(model)
        worst = await asyncio.to_thread(self._client.worst_case, request)

        async def call() -> ModelReply:
            try:
                async with asyncio.timeout(QUESTION_TIMEOUT):
                    return await self._client.complete(request)
            except TimeoutError:
                message = f"no answer within {QUESTION_TIMEOUT:g} s"
                raise ModelError(Failure.TIMEOUT, message, charged=True) from None

        key = await ledger.unused_key(f"{key}/question")
        await ledger.buy(key, model=model, worst_usd=worst.usd, call=call)

    async def _attempt(self, ledger: Ledger, key: str, request: ModelRequest) -> ModelReply:
        """Make one attempt. If the run's money is nearly used up, ask for a shorter reply."""
        worst = await asyncio.to_thread(self._client.worst_case, request)
        affordable = worst.within(await ledger.left_usd())
        if affordable != worst:
            request = request.model_copy(update={"max_tokens": affordable.max_tokens})

        async def call() -> ModelReply:
            return self._redacted_reply(await self._client.complete(request))

        return await ledger.buy(key, model=request.model, worst_usd=affordable.usd, call=call)


def _most_recoverable(errors: list[ModelError]) -> Exception:
    """Return the error that leaves the run the best chance.

    A prompt that is too long can be shortened. If waiting helps for one of the models, the run can
    continue later.
    """
    first = errors[0]
    if first.rule.may_shorten:
        return first
    verdicts = [error.verdict() for error in errors]
    for verdict in verdicts:
        if isinstance(verdict, Retry):
            return verdict
    return verdicts[0]
