"""Buy one reply: the only loop in which a model is asked again, and the only place that falls back
to another one.
"""

import asyncio
from collections.abc import Awaitable, Callable

from pipeline.errors import Halt, Retry, backoff
from pipeline.model import ModelClient, ModelReply, ModelRequest
from pipeline.model.failures import ModelError
from pipeline.model.ledger import Ledger

#: Seconds that a worker waits here for a provider. Who asks for more is waited for with the run put
#: back.
MAX_WAIT = 30.0


class Buyer:
    """``fallback``: the model that is asked where the deployment's own, ``model``, can't answer; what a job asks for by
    name is never exchanged. ``redact`` takes the process's secrets out of what is sent and of what comes back.
    """

    def __init__(
        self,
        client: ModelClient,
        *,
        model: str,
        fallback: str | None = None,
        redact: Callable[[str], str] = lambda text: text,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ):
        self.model = model
        self._client = client
        self._fallback = fallback
        self._redact = redact
        self._sleep = sleep

    def redacted(self, request: ModelRequest) -> ModelRequest:
        """As it is sent, and kept."""
        clean = (
            message.model_copy(update={"content": self._redact(message.content)})
            for message in request.messages
        )
        return request.model_copy(update={"messages": tuple(clean)})

    async def buy(self, ledger: Ledger, key: str, request: ModelRequest) -> ModelReply:
        """The reply stored under ``key``, or a new one. Each attempt is a call of its own in the ledger.

        Raises:
            ModelError: the prompt is too long for every model that was asked.
            Halt: the run is over: no money, or nothing that waiting would mend.
            Retry: it can go on later.
        """
        request, models = self.redacted(request), [request.model]
        if self._fallback and request.model == self.model != self._fallback:
            models.append(self._fallback)
        errors: list[ModelError] = []
        for model in models:
            try:
                return await self._ask(ledger, key, request.model_copy(update={"model": model}))
            except ModelError as error:
                errors.append(error)
                if not error.rule.try_fallback:
                    break
            except (Halt, Retry):
                if not errors:
                    raise
                break  # the dearer model can't be paid for: it is as if there were none
        if errors[0].rule.may_shorten:  # less may be asked at once
            raise errors[0]
        # Where any of them can be waited for, the run is not over.
        raise next(
            (error for error in errors if isinstance(error.verdict(), Retry)), errors[0]
        ).verdict() from None

    async def _ask(self, ledger: Ledger, key: str, request: ModelRequest) -> ModelReply:
        async def call() -> ModelReply:
            reply = await self._client.complete(request)
            return reply.model_copy(update={"content": self._redact(reply.content)})

        tries = 0
        while True:
            try:
                worst = await asyncio.to_thread(self._client.worst_case_usd, request)
                return await ledger.buy(key, model=request.model, worst_usd=worst, call=call)
            except ModelError as error:
                tries += 1
                delay = (
                    backoff(tries, base=0.5, cap=MAX_WAIT) if error.delay is None else error.delay
                )
                if tries > error.rule.retries or delay > MAX_WAIT:
                    raise
            await self._sleep(delay)
