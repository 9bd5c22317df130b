"""Conversations with reasoning over the real litellm: what is sent back to which model.

The provider stand-in refuses reasoning that it did not write or that was changed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.errors import Halt
from pipeline.leased_run import LeasedRun
from pipeline.model import Message, ModelReply, ModelRequest, ToolSpec
from pipeline.model.buyer import Buyer
from pipeline.model.ledger import Ledger
from pipeline.model.litellm_client import LiteLLMClient
from pipeline.model.signed_thinking import parts_in_order
from pipeline.store.contract import MoneyCaps
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.providers import (
    NO_SIGNATURE,
    Answer,
    Providers,
    anthropic_message,
    bedrock_response,
    chat_completion,
    gemini_response,
    openai_response,
)
from tests.stand_ins.runs import LEASE, Clock, claim

CAPS = MoneyCaps(10**9, 10**9, 10**9)

TOOL = ToolSpec(
    name="bash",
    description="Runs a command.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}},
)
CLAUDE = "anthropic/claude-sonnet-4-5"
GPT = "gpt-5.2"
GEMINI = "gemini/gemini-3-pro-preview"
BEDROCK = "bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    with Providers() as providers:
        for name, value in providers.environment.items():
            monkeypatch.setenv(name, value)
        yield providers


class Conversation:
    """A conversation of a run whose worker is killed after each reply.

    Each request is bought by a new delivery with a new client, which has nothing but the store and
    the artifacts.
    """

    def __init__(self, server: Providers, folder: Path):
        self.server = server
        self._folder = folder
        self._clock = Clock()
        self._store = SqliteStore(folder / "store.sqlite", clock=self._clock)
        self._step = 0
        self.stored = ModelRequest(
            model="-",
            messages=(Message(role="system", content="s"), Message(role="user", content="fix it")),
            tools=(TOOL,),
            use="agent",
        ).model_dump_json()

    async def ask(self, model: str, answer: dict[str, Any]) -> ModelReply:
        """Buy a reply, take it from the store, and go on with it and with results of its calls."""
        self.server.answers.append(Answer(answer))
        request = ModelRequest.model_validate_json(self.stored)
        request = request.model_copy(update={"model": model})
        self._step += 1
        await self._buy(request)
        number = len(self.server.requests)
        reply = await self._buy(request)
        assert len(self.server.requests) == number, "a stored reply is not bought again"
        messages = [*request.messages, reply.as_message()]
        for call in reply.tool_calls:
            messages.append(Message(role="tool", content="done", tool_call_id=call.id))
        if not reply.tool_calls:
            messages.append(Message(role="user", content="go on"))
        updated = request.model_copy(update={"messages": tuple(messages)})
        self.stored = updated.model_dump_json()
        return reply

    async def _buy(self, request: ModelRequest) -> ModelReply:
        self._clock.now += LEASE
        lease = claim(self._store).lease
        artifacts = FolderArtifacts(self._folder / "artifacts")
        ledger = Ledger(LeasedRun(self._store, artifacts, lease, self._clock), CAPS)
        buyer = Buyer(LiteLLMClient(), model=request.model)
        return await buyer.buy(ledger, f"step-{self._step}", request)

    @property
    def sent(self) -> dict[str, Any]:
        return self.server.requests[-1].body


def thinking(number: int) -> dict[str, Any]:
    return {"type": "thinking", "thinking": f"thought {number} ä", "signature": f"sig{number}=="}


def tool_use(number: int) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "bash", "input": {"command": "ls"}}


async def test_claudes_signed_thinking_comes_back_unchanged(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    redacted = {"type": "redacted_thinking", "data": "opaque"}
    first = [thinking(1), redacted, {"type": "text", "text": "Look."}, tool_use(1), tool_use(2)]
    second = [thinking(2), tool_use(3)]
    reply = await conversation.ask(CLAUDE, anthropic_message(first, stop_reason="tool_use"))
    assert reply.reasoning == (thinking(1), redacted)
    assert reply.reasoning_text == "thought 1 ä"
    assert [call.arguments for call in reply.tool_calls] == ['{"command": "ls"}'] * 2
    await conversation.ask(CLAUDE, anthropic_message(second, stop_reason="tool_use"))
    await conversation.ask(CLAUDE, anthropic_message([{"type": "text", "text": "Done."}]))
    assert conversation.sent["thinking"] == {"type": "enabled", "budget_tokens": 12_000}
    assert "temperature" not in conversation.sent
    sent = [message["content"] for message in conversation.sent["messages"]]
    assert sent[1] == first
    assert sent[3] == second
    assert [block["tool_use_id"] for block in sent[2]] == ["toolu_1", "toolu_2"]


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "text": content}


@pytest.mark.parametrize(
    "content",
    [
        [thinking(1), tool_use(1), thinking(2), tool_use(2)],
        [thinking(1), text("Look."), thinking(2), text("And do."), tool_use(1), tool_use(2)],
        [text("Look."), thinking(1), tool_use(1), thinking(2), tool_use(2)],
    ],
)
async def test_signed_thinking_between_texts_and_calls_stays_in_its_place(
    server: Providers, tmp_path: Path, content: list[dict[str, Any]]
) -> None:
    conversation = Conversation(server, tmp_path)
    await conversation.ask(CLAUDE, anthropic_message(content, stop_reason="tool_use"))
    await conversation.ask(CLAUDE, anthropic_message([text("Done.")]))
    assert conversation.sent["messages"][1]["content"] == content
    await conversation.ask(GPT, openai_response([{"type": "message", "content": "Done."}]))
    kinds = [item.get("type") for item in conversation.sent["input"]]
    assert kinds.count("function_call") == 2


def test_a_text_with_a_replaced_secret_stays_whole() -> None:
    place = {"type": "text", "characters": 3}
    blocks = (thinking(1), place, thinking(2), place)
    message = Message(role="assistant", content="a[secret]b", reasoning=blocks)
    (part,) = parts_in_order(message)
    assert part.content == "a[secret]b"
    assert part.reasoning == (thinking(1),)


def reasoning(number: int) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": f"thought {number} ä"}]
    encrypted = f"gAAAA{number}=="
    return {
        "type": "reasoning",
        "id": f"rs_{number}",
        "summary": summary,
        "encrypted_content": encrypted,
    }


def function_call(number: int) -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{number}",
        "call_id": f"call_{number}",
        "name": "bash",
        "arguments": '{"command":"ls"}',
        "status": "completed",
    }


async def test_openais_encrypted_items_come_back_unchanged_and_in_place(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    message = {"type": "message", "content": "Look.", "phase": "commentary"}
    first = [reasoning(1), message, reasoning(2), function_call(1), function_call(2)]
    reply = await conversation.ask(GPT, openai_response(first))
    assert reply.finish_reason == "tool_calls"
    assert reply.content == "Look."
    assert reply.reasoning_text == "thought 1 ä\n\nthought 2 ä"
    assert reply.reasoning_tokens == 12
    assert reply.cached_tokens == 40
    await conversation.ask(GPT, openai_response([reasoning(3), function_call(3)]))
    await conversation.ask(GPT, openai_response([{"type": "message", "content": "Done."}]))
    call = {"type": "function_call", "name": "bash", "arguments": '{"command":"ls"}'}
    result = {"type": "function_call_output", "output": "done"}
    assert conversation.sent["input"][2:] == [
        reasoning(1),
        {"role": "assistant", "content": "Look.", "phase": "commentary"},
        reasoning(2),
        {**call, "call_id": "call_1"},
        {**call, "call_id": "call_2"},
        {**result, "call_id": "call_1"},
        {**result, "call_id": "call_2"},
        reasoning(3),
        {**call, "call_id": "call_3"},
        {**result, "call_id": "call_3"},
    ]
    assert conversation.sent["store"] is False
    assert conversation.sent["include"] == ["reasoning.encrypted_content"]


async def test_geminis_signatures_come_back_with_their_calls(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    call = {"functionCall": {"name": "bash", "args": {"command": "ls"}}}
    other = {"functionCall": {"name": "bash", "args": {"command": "pwd"}}}
    thought = {"text": "thought", "thought": True}
    first = [thought, {**call, "thoughtSignature": "c2lnbmVk"}, other]
    reply = await conversation.ask(GEMINI, gemini_response(first))
    assert reply.reasoning_text == "thought"
    assert "__thought__" not in reply.tool_calls[0].id
    await conversation.ask(GEMINI, gemini_response([{"text": "Done."}]))
    parts = conversation.sent["contents"][1]["parts"]
    calls = [part for part in parts if "function_call" in part]
    assert [part.get("thoughtSignature") for part in calls] == ["c2lnbmVk", NO_SIGNATURE]


async def test_signed_thinking_comes_back_through_bedrock(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    text = {"text": "thought", "signature": "sig=="}
    use = {"toolUseId": "tooluse_1", "name": "bash", "input": {"command": "ls"}}
    content = [{"reasoningContent": {"reasoningText": text}}, {"toolUse": use}]
    await conversation.ask(BEDROCK, bedrock_response(content, stop_reason="tool_use"))
    await conversation.ask(BEDROCK, bedrock_response([{"text": "Done."}]))
    assert conversation.sent["messages"][1]["content"] == content


async def test_thinking_whose_place_is_unknown_is_left_out(
    server: Providers, tmp_path: Path
) -> None:
    """litellm loses the order of Bedrock's blocks; in another one they would be refused."""
    conversation = Conversation(server, tmp_path)
    content: list[dict[str, Any]] = []
    for number in (1, 2):
        signed = {"text": "thought", "signature": f"sig{number}=="}
        use = {"toolUseId": f"tooluse_{number}", "name": "bash", "input": {"command": "ls"}}
        content += [{"reasoningContent": {"reasoningText": signed}}, {"toolUse": use}]
    await conversation.ask(BEDROCK, bedrock_response(content, stop_reason="tool_use"))
    await conversation.ask(BEDROCK, bedrock_response([{"text": "Done."}]))
    assert conversation.sent["messages"][1]["content"] == [content[1], content[3]]


@pytest.mark.parametrize("model", ["deepseek/deepseek-reasoner", "moonshot/kimi-k2-thinking"])
async def test_reasoning_text_is_sent_back_if_a_provider_needs_it(
    server: Providers, tmp_path: Path, model: str
) -> None:
    conversation = Conversation(server, tmp_path)
    call = {"id": "call_1", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
    message = {"reasoning_content": "thought", "tool_calls": [call]}
    await conversation.ask(model, chat_completion(message, finish_reason="tool_calls"))
    await conversation.ask(model, chat_completion({"content": "Done."}))
    sent = conversation.sent["messages"][2]
    assert sent["reasoning_content"] == "thought"
    assert sent["tool_calls"][0]["function"] == {"name": "bash", "arguments": "{}"}


async def test_signed_blocks_come_back_through_openrouter(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    details = [{"type": "reasoning.text", "text": "thought", "signature": "sig==", "index": 0}]
    call = {"id": "call_1", "type": "function", "function": {"name": "bash", "arguments": "{}"}}
    message = {"reasoning": "thought", "reasoning_details": details, "tool_calls": [call]}
    model = "openrouter/anthropic/claude-opus-4.5"
    reply = await conversation.ask(model, chat_completion(message, finish_reason="tool_calls"))
    assert reply.reasoning_text == "thought"
    await conversation.ask(model, chat_completion({"content": "Done."}))
    assert conversation.sent["messages"][2]["reasoning_details"] == details
    assert conversation.sent["reasoning_effort"] == "high"


async def test_another_model_continues_without_reasoning_and_with_other_call_ids(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    await conversation.ask(GPT, openai_response([reasoning(1), function_call(1)]))
    done = anthropic_message([tool_use(1)], stop_reason="tool_use")
    await conversation.ask(CLAUDE, done)
    assert "thinking" not in conversation.sent, "the last call has no signed thinking before it"
    assert conversation.sent["messages"][1]["content"] == [{**tool_use(1), "id": "call00000"}]
    assert conversation.sent["messages"][2]["content"][0]["tool_use_id"] == "call00000"
    await conversation.ask(GPT, openai_response([{"type": "message", "content": "Done."}]))
    kinds = [item.get("type") for item in conversation.sent["input"][2:]]
    assert kinds == [
        "reasoning",
        "function_call",
        "function_call_output",
        "function_call",
        "function_call_output",
    ]


async def test_the_stand_in_refuses_changed_reasoning(server: Providers, tmp_path: Path) -> None:
    conversation = Conversation(server, tmp_path)
    await conversation.ask(CLAUDE, anthropic_message([thinking(1), tool_use(1)]))
    conversation.stored = conversation.stored.replace("thought 1", "thought 2")
    with pytest.raises(Halt, match="it refused the request") as refusal:
        await conversation.ask(CLAUDE, anthropic_message([]))
    assert "not written here" in refusal.value.detail


async def test_arguments_that_are_not_json_are_sent_as_an_object(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    call = {**function_call(1), "arguments": '{"command": "l'}
    reply = await conversation.ask(GPT, openai_response([reasoning(1), call]))
    assert reply.tool_calls[0].arguments == '{"command": "l'
    await conversation.ask(CLAUDE, anthropic_message([{"type": "text", "text": "Done."}]))
    content = conversation.sent["messages"][1]["content"]
    assert content[0]["input"] == {"invalid_arguments": '{"command": "l'}


async def test_an_item_without_its_content_is_not_sent_back(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    item = {**reasoning(1), "encrypted_content": None}
    await conversation.ask(GPT, openai_response([item, function_call(1)]))
    await conversation.ask(GPT, openai_response([{"type": "message", "content": "Done."}]))
    kinds = [item.get("type") for item in conversation.sent["input"][2:]]
    assert kinds == ["function_call", "function_call_output"]


async def test_reasoning_that_led_to_nothing_is_not_sent_back(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    details = {"reason": "max_output_tokens"}
    cut = openai_response([reasoning(1)], status="incomplete", incomplete_details=details)
    reply = await conversation.ask(GPT, cut)
    assert reply.cut_off
    assert reply.content == ""
    await conversation.ask(GPT, openai_response([{"type": "message", "content": "Done."}]))
    assert conversation.sent["input"][2:] == [
        {"role": "assistant", "content": "(empty reply)"},
        {"role": "user", "content": "go on"},
    ]


async def test_text_that_is_only_whitespace_is_not_sent_back(
    server: Providers, tmp_path: Path
) -> None:
    conversation = Conversation(server, tmp_path)
    content = [thinking(1), {"type": "text", "text": "\n\n"}, tool_use(1)]
    await conversation.ask(CLAUDE, anthropic_message(content, stop_reason="tool_use"))
    await conversation.ask(CLAUDE, anthropic_message([{"type": "text", "text": "Done."}]))
    assert conversation.sent["messages"][1]["content"] == [thinking(1), tool_use(1)]
