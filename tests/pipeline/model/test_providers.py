"""Replies and errors of several providers over the real litellm, read in one form."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.model import Message, ModelRequest
from pipeline.model.failures import Failure, ModelError
from pipeline.model.litellm_client import LiteLLMClient
from tests.stand_ins.providers import (
    KEY,
    Answer,
    Providers,
    anthropic_message,
    bedrock_response,
    chat_completion,
    gemini_response,
    openai_response,
)

CHAT = "gpt-4o"
RESPONSES = "gpt-5"
ANTHROPIC = "anthropic/claude-opus-4-7"
GEMINI = "gemini/gemini-3-pro-preview"
BEDROCK = "bedrock/us.anthropic.claude-opus-4-7"
MODELS = (CHAT, RESPONSES, ANTHROPIC, GEMINI, BEDROCK)

REFUSAL = {"type": "refusal", "refusal": "I can't."}
MESSAGE = {"type": "message", "content": "ab"}
TEXT = {"type": "text", "text": "ab"}
GEMINI_CALL = {"functionCall": {"name": "bash", "args": {"command": "ls"}}}
REFUSED = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    with Providers() as providers:
        for name, value in providers.environment.items():
            monkeypatch.setenv(name, value)
        yield providers


def request(model: str) -> ModelRequest:
    return ModelRequest(model=model, messages=(Message(role="user", content="hi"),))


def incomplete(reason: str, *items: dict[str, Any]) -> dict[str, Any]:
    details = {"reason": reason}
    return openai_response(list(items), status="incomplete", incomplete_details=details)


@pytest.mark.parametrize(
    ("model", "answer", "content"),
    [
        (CHAT, chat_completion({"refusal": "I can't."}), "I can't."),
        (CHAT, chat_completion({}, finish_reason="content_filter"), ""),
        (RESPONSES, openai_response([{**REFUSED, "content": [REFUSAL]}]), "I can't."),
        (RESPONSES, incomplete("content_filter"), ""),
        (ANTHROPIC, anthropic_message([], stop_reason="refusal"), ""),
        (GEMINI, gemini_response([], finish_reason="SAFETY"), ""),
        (GEMINI, {"promptFeedback": {"blockReason": "OTHER"}, "usageMetadata": {}}, ""),
        (BEDROCK, bedrock_response([], stop_reason="guardrail_intervened"), ""),
        (CHAT, chat_completion({}, finish_reason="sensitive"), ""),
        (GEMINI, gemini_response([GEMINI_CALL], finish_reason="RECITATION"), ""),
        (GEMINI, gemini_response([], finish_reason="MODEL_ARMOR"), ""),
    ],
)
async def test_a_refusal_is_a_reply(
    server: Providers, model: str, answer: dict[str, Any], content: str
) -> None:
    server.answers.append(Answer(answer))
    reply = await LiteLLMClient().complete(request(model))
    assert reply.refused
    assert not reply.is_whole
    assert reply.content == content


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (CHAT, chat_completion({"content": "ab"}, finish_reason="length")),
        (RESPONSES, incomplete("max_output_tokens", {"type": "message", "content": "ab"})),
        (ANTHROPIC, anthropic_message([{"type": "text", "text": "ab"}], stop_reason="max_tokens")),
        (GEMINI, gemini_response([{"text": "ab"}], finish_reason="MAX_TOKENS")),
        (BEDROCK, bedrock_response([{"text": "ab"}], stop_reason="max_tokens")),
        (CHAT, chat_completion({"content": "ab"}, finish_reason="model_length")),
        (RESPONSES, incomplete("max_tokens_of_a_later_api", MESSAGE)),
        (ANTHROPIC, anthropic_message([TEXT], stop_reason="model_context_window_exceeded")),
        (ANTHROPIC, anthropic_message([TEXT], stop_reason="pause_turn")),
        (BEDROCK, bedrock_response([{"text": "ab"}], stop_reason="model_context_window_exceeded")),
        (GEMINI, gemini_response([{"text": "ab"}, GEMINI_CALL], finish_reason="MAX_TOKENS")),
    ],
)
async def test_a_reply_that_was_cut_off_says_so(
    server: Providers, model: str, answer: dict[str, Any]
) -> None:
    server.answers.append(Answer(answer))
    reply = await LiteLLMClient().complete(request(model))
    assert reply.cut_off and not reply.is_whole
    assert reply.content == "ab"


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (CHAT, chat_completion({"content": "ab"}, finish_reason="error")),
        (CHAT, chat_completion({"content": "ab"}, finish_reason="insufficient_system_resource")),
        (GEMINI, gemini_response([{"text": "ab"}], finish_reason="MALFORMED_RESPONSE")),
        (RESPONSES, openai_response([MESSAGE], status="failed", error={"message": "m"})),
    ],
)
async def test_a_provider_that_fails_while_it_answers_is_overloaded_and_may_have_charged(
    server: Providers, model: str, answer: dict[str, Any]
) -> None:
    server.answers.append(Answer(answer))
    with pytest.raises(ModelError) as caught:
        await LiteLLMClient().complete(request(model))
    assert (caught.value.failure, caught.value.charged) == (Failure.OVERLOAD, True)


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (CHAT, chat_completion({})),
        (RESPONSES, openai_response([])),
        (ANTHROPIC, anthropic_message([])),
        (GEMINI, gemini_response([])),
        (BEDROCK, bedrock_response([])),
    ],
)
async def test_an_empty_reply_is_a_reply(
    server: Providers, model: str, answer: dict[str, Any]
) -> None:
    server.answers.append(Answer(answer))
    reply = await LiteLLMClient().complete(request(model))
    assert reply.content == ""
    assert reply.tool_calls == ()
    assert reply.is_whole
    assert reply.cost_usd > 0


def error(status: int, *, code: str | None = None, text: str = "m", **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer({"error": {"message": text, "type": "e", "code": code}}, status, names)


#: OpenRouter's answer to an input that its moderation refuses.
FLAGGED = Answer({"error": {"message": "m", "code": 403, "metadata": {"flagged_input": "x"}}}, 403)
ERRORS = [
    (error(429, retry_after="7"), Failure.RATE_LIMIT, False, 7.0),
    (error(429, code="insufficient_quota"), Failure.QUOTA, False, None),
    (error(400, text="Your credit balance is too low"), Failure.QUOTA, False, None),
    (error(401), Failure.KEY, False, None),
    (error(402), Failure.QUOTA, False, None),
    (error(403), Failure.KEY, False, None),
    (error(403, code="content_policy_violation"), Failure.FILTER, False, None),
    (FLAGGED, Failure.FILTER, False, None),
    (error(404), Failure.UNKNOWN_MODEL, False, None),
    (error(400, code="context_length_exceeded"), Failure.CONTEXT, False, None),
    (error(400, code="content_policy_violation"), Failure.FILTER, False, None),
    (error(400), Failure.REFUSED, False, None),
    (error(422), Failure.REFUSED, False, None),
    (error(408), Failure.TIMEOUT, True, None),
    (error(500), Failure.OVERLOAD, True, None),
    (error(503, retry_after="9"), Failure.OVERLOAD, True, 9.0),
    (error(529), Failure.OVERLOAD, False, None),
    (error(407), Failure.UNREACHABLE, False, None),
    (error(413), Failure.REFUSED, False, None),
    (error(499), Failure.OVERLOAD, True, None),
    (Answer({}, drop=True), Failure.OVERLOAD, True, None),
]


@pytest.mark.parametrize("model", MODELS)
async def test_an_error_means_the_same_at_each_provider_and_is_one_call(
    server: Providers, model: str
) -> None:
    client = LiteLLMClient()
    failures = []
    expected = []
    for answer, failure, charged, delay in ERRORS:
        server.answers.append(answer)
        with pytest.raises(ModelError) as caught:
            await client.complete(request(model))
        failures.append((caught.value.failure, caught.value.charged, caught.value.delay))
        # Google charges only for answers with status 200; a broken connection may hide one.
        charged = charged and (model != GEMINI or answer.drop)
        expected.append((failure, charged, delay))
    assert failures == expected
    assert len(server.requests) == len(ERRORS)


@pytest.mark.parametrize("model", MODELS)
async def test_a_key_that_a_provider_repeats_is_in_no_error_and_no_log(
    server: Providers, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers.append(error(401, text=f"Incorrect API key provided: {KEY}."))
    with pytest.raises(ModelError) as caught:
        await LiteLLMClient().complete(request(model))
    assert "Incorrect API key provided" in str(caught.value)
    assert KEY not in str(caught.value) + caplog.text


async def test_a_response_that_failed_may_have_been_charged(server: Providers) -> None:
    failure = {"code": "server_error", "message": "it broke"}
    server.answers.append(Answer(openai_response([], status="failed", error=failure)))
    with pytest.raises(ModelError, match="it broke") as caught:
        await LiteLLMClient().complete(request(RESPONSES))
    assert caught.value.charged


class Clock:
    """The clock of the running loop, which can be moved ahead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        loop = asyncio.get_running_loop()
        read = loop.time
        self._ahead = 0.0
        monkeypatch.setattr(loop, "time", lambda: read() + self._ahead)

    async def advance(self, seconds: float) -> None:
        """Move the clock ahead, and let everything that is due happen."""
        self._ahead += seconds
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.mark.parametrize("model", MODELS)
async def test_a_reply_may_take_400_seconds_but_not_15_minutes(
    server: Providers, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = LiteLLMClient()
    client.warm()
    clock = Clock(monkeypatch)
    may_answer = threading.Event()
    server.answers.append(Answer(None, after=may_answer))
    call = asyncio.create_task(client.complete(request(model)))
    assert await asyncio.to_thread(server.received.wait, 20)
    await clock.advance(400)
    assert not call.done()
    may_answer.set()
    assert (await call).content == "hello"

    server.received.clear()
    may_answer.clear()
    server.answers.append(Answer(None, after=may_answer))
    call = asyncio.create_task(client.complete(request(model)))
    assert await asyncio.to_thread(server.received.wait, 20)
    await clock.advance(901)
    with pytest.raises(ModelError) as caught:
        await call
    may_answer.set()
    assert caught.value.failure is Failure.TIMEOUT
    assert caught.value.charged
    assert len(server.requests) == 2, "it is not asked again"
