"""Buy one reply: the only loop in which a model is asked again, and the only place that falls back
to another one.
"""

import asyncio
from collections.abc import Awaitable, Callable

from pipeline.errors import Halt, Retry, backoff
from pipeline.model import ModelClient, ModelReply, ModelRequest
from pipeline.model.failures import ModelError
from pipeline.model.ledger import Ledger

#: Seconds that a worker waits for a provider. For a longer wait, the run is put back.
MAX_WAIT = 30.0


def _unredacted(text: str) -> str:
    return text


class Buyer:
    """Buys replies of the deployment's model, or of the one that a request names."""

    def __init__(
        self,
        client: ModelClient,
        *,
        model: str,
        fallback: str | None = None,
        redact: Callable[[str], str] = _unredacted,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ):
        """Describe how to buy.

        Args:
            client: asks a model once.
            model: the deployment's own model.
            fallback: asked where the deployment's own can't answer. A model that a job asks for by
                name is never exchanged.
            redact: removes the process's secrets from what is sent and from what comes back.
            sleep: waits for a number of seconds.
        """
        self.model = model
        self._client = client
        self._fallback = fallback
        self._redact = redact
        self._sleep = sleep

    def redacted(self, request: ModelRequest) -> ModelRequest:
        """Return the request as it is sent and stored."""
        messages = []
        for message in request.messages:
            content = self._redact(message.content)
            messages.append(message.model_copy(update={"content": content}))
        return request.model_copy(update={"messages": tuple(messages)})

    async def buy(self, ledger: Ledger, key: str, request: ModelRequest) -> ModelReply:
        """Return the reply stored under ``key``, or a new one.

        Each attempt is a call of its own in the ledger.

        Raises:
            ModelError: the prompt is too long for every model that was asked.
            Halt: the run is over: no money is left, or waiting would not help.
            Retry: the run can go on later.
        """
        request = self.redacted(request)
        errors: list[ModelError] = []
        for model in self._models(request):
            try:
                request = request.model_copy(update={"model": model})
                return await self._buy_from_one(ledger, key, request)
            except ModelError as error:
                errors.append(error)
                if not error.rule.try_fallback:
                    break
            except (Halt, Retry):
                if not errors:
                    raise
                break  # the fallback can't be paid for: it is as if there were none
        raise _most_hopeful(errors) from None

    def _models(self, request: ModelRequest) -> list[str]:
        """Return the models to ask, in turn."""
        is_own = request.model == self.model
        if is_own and self._fallback and self._fallback != self.model:
            return [self.model, self._fallback]
        return [request.model]

    async def _buy_from_one(self, ledger: Ledger, key: str, request: ModelRequest) -> ModelReply:
        """Ask one model, again where its error may pass soon."""

        async def call() -> ModelReply:
            reply = await self._client.complete(request)
            return reply.model_copy(update={"content": self._redact(reply.content)})

        failures = 0
        while True:
            try:
                worst = await asyncio.to_thread(self._client.worst_case_usd, request)
                return await ledger.buy(key, model=request.model, worst_usd=worst, call=call)
            except ModelError as error:
                failures += 1
                delay = error.delay
                if delay is None:
                    delay = backoff(failures, base=0.5, cap=MAX_WAIT)
                if failures > error.rule.retries or delay > MAX_WAIT:
                    raise
            await self._sleep(delay)


def _most_hopeful(errors: list[ModelError]) -> Exception:
    """Return what the errors of all models come to.

    A prompt that is too long can be sent shorter. Where one of the models can be waited for, the
    run is not over.
    """
    first = errors[0]
    if first.rule.may_shorten:
        return first
    verdicts = [error.verdict() for error in errors]
    for verdict in verdicts:
        if isinstance(verdict, Retry):
            return verdict
    return verdicts[0]
