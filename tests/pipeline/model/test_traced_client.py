"""The spans of model calls."""

from typing import Any

import pytest

from pipeline.model import Message, ModelReply, ModelRequest
from pipeline.model.failures import Failure, ModelError
from pipeline.model.provider import otel_provider
from pipeline.model.traced_client import TracedClient
from tests.stand_ins.runs import reply
from tests.stand_ins.spans import Spans

REQUEST = ModelRequest(
    model="m", messages=(Message(role="user", content="the prompt"),), temperature=0.5
)


class Client:
    """A client whose only call has one answer."""

    def __init__(self, answer: ModelReply | ModelError):
        self._answer = answer

    async def complete(self, request: ModelRequest) -> ModelReply:
        if isinstance(self._answer, ModelError):
            raise self._answer
        return self._answer


def traced(answer: ModelReply | ModelError, spans: Spans) -> TracedClient:
    client: Any = Client(answer)
    return TracedClient(client, spans.tracer, lambda model: f"provider of {model}")


async def test_a_failed_call_is_named_by_its_kind_alone() -> None:
    spans = Spans()
    failure = ModelError(Failure.RATE_LIMIT, "the prompt was: please fix", charged=False)
    with pytest.raises(ModelError):
        await traced(failure, spans).complete(REQUEST)
    assert spans.root().attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "provider of m",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.5,
        "error.type": "rate_limit",
    }


async def test_a_call_has_its_tokens_and_its_cost() -> None:
    spans = Spans()
    await traced(reply(cost_usd=0.25), spans).complete(REQUEST)
    attributes = spans.root().attributes
    assert attributes["gen_ai.usage.output_tokens"] == 1
    assert attributes["coding_agent.cost_usd"] == 0.25
    assert "error.type" not in attributes


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o", "openai"),
        ("anthropic/claude-opus-4-7", "anthropic"),
        ("bedrock/us.anthropic.claude-opus-4-7", "aws.bedrock"),
        ("gemini/gemini-3-pro-preview", "gcp.gemini"),
        ("azure/our-deployment", "azure.ai.openai"),
        ("hosted_vllm/our-model", "hosted_vllm"),
        ("our-model", "_OTHER"),
    ],
)
def test_providers_have_opentelemetrys_names_where_it_has_one(model: str, provider: str) -> None:
    assert otel_provider(model) == provider
