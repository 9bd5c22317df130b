"""Recorded exchanges answer the same requests, and a miss says what differs."""

import json
from pathlib import Path

import pytest

from pipeline.model import Message, ModelRequest, ToolSpec
from pipeline.model.failures import Failure, ModelError
from pipeline.model.recording import RecordedExchange
from pipeline.model.replay import ReplayClient, ReplayError
from tests.stand_ins.runs import reply


def model_request(text: str, **more: object) -> ModelRequest:
    messages = (Message(role="system", content="be brief"), Message(role="user", content=text))
    return ModelRequest.model_validate({"model": "m", "messages": messages} | more)


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    folder = tmp_path / "artifacts/job/0/1/propose_patch"
    folder.mkdir(parents=True)
    for number, text in enumerate(["fix a\nthen b", "fix c"]):
        exchange = {
            "request": model_request(text).model_dump(),
            "reply": reply(f"answer {number}", 0.02).model_dump(),
        }
        (folder / f"{number}-exchange.json").write_text(json.dumps(exchange))
    (folder / "other.json").write_text("[]")
    return tmp_path / "artifacts"


async def test_a_request_is_found_by_its_text_under_any_model_name(recorded: Path) -> None:
    client = ReplayClient.load(recorded)
    request = model_request("fix c", model="replay:x")
    payload = await client.complete(request)
    assert payload.content == "answer 1"
    assert payload.model == "replay:x"
    assert payload.cost_usd == 0.02
    assert client.worst_case(request).usd == 0.02


@pytest.mark.parametrize("other", [{"temperature": 0.5}, {"sample": 1}, {"max_tokens": 9}])
async def test_another_temperature_or_sample_is_another_request(
    recorded: Path, other: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match="has no exchange"):
        await ReplayClient.load(recorded).complete(model_request("fix c", **other))


async def test_an_exchange_may_hold_only_the_newest_messages(recorded: Path) -> None:
    first = model_request("fix d")
    asked = reply("which d?", 0.02)
    messages = (*first.messages, asked.as_message(), Message(role="user", content="all"))
    tool = ToolSpec(name="bash", description="d", parameters={})
    request = first.model_copy(update={"messages": messages, "tools": (tool,)})
    record = RecordedExchange.of(request, reply=reply("done", 0.02), stored=3)
    assert [message.content for message in record.request.messages] == ["all"]
    (recorded / "step-exchange.json").write_text(record.model_dump_json(exclude_none=True))
    client = ReplayClient.load(recorded)
    assert client.profile("replay:x").protocol == "native"
    again = tuple(message.model_copy(update={"model": None}) for message in messages)
    assert (await client.complete(request.model_copy(update={"messages": again}))).content == "done"


async def test_a_miss_shows_how_it_differs_from_the_nearest(recorded: Path) -> None:
    with pytest.raises(ModelError) as caught:
        await ReplayClient.load(recorded).complete(model_request("fix a\nthen d"))
    assert not caught.value.charged
    assert "-then b\n+then d" in str(caught.value)
    assert "fix c" not in str(caught.value)


def test_a_folder_without_recordings_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="contains no"):
        ReplayClient.load(tmp_path)
    (tmp_path / "exchange.json").write_text("{")
    with pytest.raises(ReplayError, match=r"exchange\.json is not a recorded exchange"):
        ReplayClient.load(tmp_path)


async def test_a_prompt_that_was_too_long_is_refused_again(recorded: Path) -> None:
    exchange = {"request": model_request("all of it").model_dump(), "failure": Failure.CONTEXT.name}
    (recorded / "half-exchange.json").write_text(json.dumps(exchange))
    client = ReplayClient.load(recorded)
    with pytest.raises(ModelError) as caught:
        await client.complete(model_request("all of it"))
    assert caught.value.failure is Failure.CONTEXT
    assert client.worst_case(model_request("all of it")).usd == 0.0
