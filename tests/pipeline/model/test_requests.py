"""The exact requests that the real litellm makes of ours, for models of many providers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.model import Message, ModelRequest, ToolCall, ToolSpec
from pipeline.model.capabilities import Models
from pipeline.model.litellm_client import LiteLLMClient
from tests.stand_ins.providers import Providers

PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}}
TOOL = ToolSpec(name="bash", description="Runs a command.", parameters=PARAMETERS)
MESSAGES = (
    Message(role="system", content="s", reused=True),
    Message(role="user", content="u"),
    Message(
        role="assistant",
        content="a",
        tool_calls=(ToolCall(id="call_1", name="bash", arguments='{"command": "ls"}'),),
        model="same",
    ),
    Message(role="tool", content="t", tool_call_id="call_1", reused=True),
)
#: Fields that the tests of each API's form compare.
FORM = {"messages", "tools", "input", "contents", "system", "system_instruction", "toolConfig"}

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES_API = "/v1/messages"
OPENAI = {
    "max_output_tokens": 24_000,
    "reasoning": {"effort": "high"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
}
BUDGET = {"thinking": {"type": "enabled", "budget_tokens": 12_000}}
ADAPTIVE = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}


def gemini(**config: Any) -> dict[str, Any]:
    return {"generationConfig": {"max_output_tokens": 24_000, **config}}


def bedrock(**fields: Any) -> dict[str, Any]:
    return {"inferenceConfig": {"maxTokens": 24_000}, "additionalModelRequestFields": fields}


#: Model -> path and fields of a step of the agent, with a temperature of 0.7 where it is taken.
TABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt-4o": (CHAT, {"model": "gpt-4o", "max_tokens": 16_000, "temperature": 0.7}),
    "gpt-5": (RESPONSES, {"model": "gpt-5", **OPENAI}),
    "openai/gpt-5-mini": (RESPONSES, {"model": "gpt-5-mini", **OPENAI}),
    "o3": (RESPONSES, {"model": "o3", **OPENAI}),
    "gpt-5.1": (RESPONSES, {"model": "gpt-5.1", **OPENAI}),
    "gpt-5.2": (RESPONSES, {"model": "gpt-5.2", **OPENAI}),
    "gpt-5.3-codex": (RESPONSES, {"model": "gpt-5.3-codex", **OPENAI}),
    "azure/gpt-5.2": (
        "/openai/v1/responses?api-version=preview",
        {"model": "gpt-5.2", **OPENAI},
    ),
    "anthropic/claude-sonnet-4-5": (
        MESSAGES_API,
        {"model": "claude-sonnet-4-5", "max_tokens": 24_000, **BUDGET},
    ),
    "claude-opus-4-5": (
        MESSAGES_API,
        {"model": "claude-opus-4-5", "max_tokens": 24_000, **BUDGET},
    ),
    "anthropic/claude-opus-4-7": (
        MESSAGES_API,
        {"model": "claude-opus-4-7", "max_tokens": 24_000, **ADAPTIVE},
    ),
    "gemini/gemini-3-pro-preview": (
        "/models/gemini-3-pro-preview:generateContent",
        # litellm adds the temperature that Google advises.
        gemini(thinkingConfig={"thinkingLevel": "high", "includeThoughts": True}, temperature=1.0),
    ),
    "gemini/gemini-2.5-pro": (
        "/models/gemini-2.5-pro:generateContent",
        gemini(thinkingConfig={"thinkingBudget": 12_000, "includeThoughts": True}, temperature=0.7),
    ),
    "deepseek/deepseek-reasoner": (
        CHAT,
        {"model": "deepseek-reasoner", "max_tokens": 24_000, "thinking": {"type": "enabled"}},
    ),
    "moonshot/kimi-k2-thinking": (CHAT, {"model": "kimi-k2-thinking", "max_tokens": 24_000}),
    "bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0": (
        "/model/us.anthropic.claude-opus-4-5-20251101-v1%3A0/converse",
        bedrock(**BUDGET),
    ),
    "bedrock/us.anthropic.claude-opus-4-7": (
        "/model/us.anthropic.claude-opus-4-7/converse",
        bedrock(**ADAPTIVE),
    ),
    "hosted_vllm/acme/coder": (
        CHAT,
        {"model": "acme/coder", "max_tokens": 8_000, "temperature": 0.7},
    ),
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    with Providers() as providers:
        for name, value in providers.environment.items():
            monkeypatch.setenv(name, value)
        yield providers


def step(model: str, **fields: Any) -> ModelRequest:
    """Return a step of an agent whose last reply came from the same model."""
    messages = []
    for message in MESSAGES:
        author = model if message.model == "same" else None
        messages.append(message.model_copy(update={"model": author}))
    return ModelRequest(
        model=model,
        messages=tuple(messages),
        tools=(TOOL,),
        use="agent",
        temperature=0.7,
        **fields,
    )


def first_step(model: str) -> ModelRequest:
    request = step(model)
    return request.model_copy(update={"messages": request.messages[:2]})


@pytest.mark.parametrize("model", TABLE)
async def test_each_model_is_sent_the_fields_that_suit_it(
    server: Providers, model: str, tmp_path: Path
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("hosted_vllm/acme/coder: {price: {input: 0, output: 0}}")
    reply = await LiteLLMClient(Models.load(file)).complete(first_step(model))
    assert reply.content == "hello"
    assert reply.finish_reason == "stop"
    path, fields = TABLE[model]
    (request,) = server.requests
    assert request.path == path
    assert {name: request.body[name] for name in request.body.keys() - FORM} == fields


async def test_the_form_of_a_chat_completion(server: Providers) -> None:
    await LiteLLMClient().complete(step("gpt-4o"))
    body = server.requests[0].body
    function = {"name": "bash", "arguments": '{"command": "ls"}'}
    assert body["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {
            "role": "assistant",
            "content": "a",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "t", "tool_call_id": "call_1"},
    ]
    assert body["tools"] == [{"type": "function", "function": TOOL.model_dump()}]


async def test_the_form_of_a_response_request(server: Providers) -> None:
    await LiteLLMClient().complete(step("gpt-5"))
    body = server.requests[0].body
    assert body["input"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "bash",
            "arguments": '{"command": "ls"}',
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "t"},
    ]
    assert body["tools"] == [{"type": "function", "strict": False, **TOOL.model_dump()}]


async def test_reused_messages_and_results_are_marked_for_anthropics_cache(
    server: Providers,
) -> None:
    await LiteLLMClient().complete(step("claude-opus-4-7"))
    body = server.requests[0].body
    mark = {"cache_control": {"type": "ephemeral"}}
    assert body["system"] == [{"type": "text", "text": "s", **mark}]
    question, reply, results = body["messages"]
    assert question["content"] == [{"type": "text", "text": "u"}]
    use = {"type": "tool_use", "id": "call_1", "name": "bash", "input": {"command": "ls"}}
    assert reply["content"] == [{"type": "text", "text": "a"}, use]
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "t"}
    assert results["content"] == [{**result, **mark}]
    assert body["tools"][0]["input_schema"] == PARAMETERS


async def test_claude_4_thinks_between_calls_only_with_a_header(server: Providers) -> None:
    await LiteLLMClient().complete(first_step("claude-opus-4-5"))
    await LiteLLMClient().complete(first_step("claude-opus-4-7"))
    headers = [request.headers.get("anthropic-beta") for request in server.requests]
    assert headers == ["interleaved-thinking-2025-05-14", None]


async def test_a_single_reply_is_longer_and_thinks_less(server: Providers) -> None:
    client = LiteLLMClient()
    for model in ("gpt-5", "claude-opus-4-5"):
        await client.complete(first_step(model).model_copy(update={"use": "single"}))
    responses, messages = [request.body for request in server.requests]
    assert responses["reasoning"] == {"effort": "medium"}
    assert responses["max_output_tokens"] == 32_000
    assert messages["thinking"]["budget_tokens"] == 8_000
    assert messages["max_tokens"] == 32_000


async def test_thinking_leaves_half_of_a_short_reply(server: Providers) -> None:
    client = LiteLLMClient()
    for length in (4_000, 1_000):
        request = first_step("claude-opus-4-5")
        await client.complete(request.model_copy(update={"max_tokens": length}))
    budgets = [request.body.get("thinking") for request in server.requests]
    assert budgets == [{"type": "enabled", "budget_tokens": 2_000}, None]


async def test_an_operators_settings_and_a_requests_effort_are_sent(
    server: Providers, tmp_path: Path
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("gpt-5: {effort: {agent: low}, extra: {reasoning: {summary: auto}}}")
    client = LiteLLMClient(Models.load(file))
    await client.complete(first_step("gpt-5"))
    await client.complete(first_step("gpt-5").model_copy(update={"effort": "minimal"}))
    sent = [request.body["reasoning"] for request in server.requests]
    assert sent == [
        {"effort": "low", "summary": "auto"},
        {"effort": "minimal", "summary": "auto"},
    ]


async def test_an_effort_set_for_a_deployments_own_name_is_sent(
    server: Providers, tmp_path: Path
) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("azure/ours: {effort: {agent: high}, price: {input: 1, output: 1}}")
    await LiteLLMClient(Models.load(file)).complete(first_step("azure/ours"))
    (request,) = server.requests
    assert request.path.startswith("/openai/deployments/ours/chat/completions")
    assert request.body["reasoning_effort"] == "high"
    assert request.body["max_tokens"] == 8_000


async def test_a_newer_claude_thinks_as_the_newest_known(server: Providers, tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("claude-opus-9-1: {price: {input: 1, output: 1}}")
    await LiteLLMClient(Models.load(file)).complete(first_step("anthropic/claude-opus-9-1"))
    body = server.requests[0].body
    assert {name: body[name] for name in body.keys() - FORM} == {
        "model": "claude-opus-9-1",
        "max_tokens": 24_000,
        **ADAPTIVE,
    }


def test_connections_are_kept_alive_while_a_model_reasons() -> None:
    LiteLLMClient().warm()
    from litellm.llms.custom_httpx.http_handler import _build_aiohttp_keepalive_socket_factory

    assert _build_aiohttp_keepalive_socket_factory() is not None
