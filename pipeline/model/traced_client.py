"""A ModelClient whose calls are spans, without the texts that are sent and received."""

from collections.abc import Callable

from pipeline.model import ModelReply, ModelRequest
from pipeline.model.capabilities import ModelProfile
from pipeline.model.client import ModelClient
from pipeline.model.failures import ModelError
from pipeline.model.worst_case import WorstCase
from pipeline.telemetry import names
from pipeline.telemetry.spans import Attributes, Tracer


class TracedClient:
    """Passes everything on to another client."""

    def __init__(self, client: ModelClient, tracer: Tracer, provider: Callable[[str], str]):
        """``provider`` returns OpenTelemetry's name of a model's provider."""
        self._client = client
        self._tracer = tracer
        self._provider = provider

    def profile(self, model: str) -> ModelProfile:
        return self._client.profile(model)

    def worst_case(self, request: ModelRequest) -> WorstCase:
        return self._client.worst_case(request)

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        self._client.record_usage(request, reply)

    async def complete(self, request: ModelRequest) -> ModelReply:
        name = names.model_span(request.model)
        with self._tracer.span(name, self._describe_request(request), kind="client") as span:
            try:
                reply = await self._client.complete(request)
            except ModelError as error:
                span.fail(error.failure.name.lower())
                raise
            span.set(_describe_reply(reply))
            return reply

    def _describe_request(self, request: ModelRequest) -> Attributes:
        attributes: dict[str, str | float] = {
            names.OPERATION: names.CHAT,
            names.PROVIDER: self._provider(request.model),
            names.REQUEST_MODEL: request.model,
        }
        if request.max_tokens is not None:
            attributes[names.MAX_TOKENS] = request.max_tokens
        if request.temperature is not None:
            attributes[names.TEMPERATURE] = request.temperature
        return attributes


def _describe_reply(reply: ModelReply) -> Attributes:
    return {
        names.RESPONSE_MODEL: reply.model,
        names.FINISH_REASONS: (reply.finish_reason,),
        names.INPUT_TOKENS: reply.prompt_tokens,
        names.OUTPUT_TOKENS: reply.completion_tokens,
        names.CACHED_TOKENS: reply.cached_tokens,
        names.REASONING_TOKENS: reply.reasoning_tokens,
        names.COST_USD: reply.cost_usd,
    }
