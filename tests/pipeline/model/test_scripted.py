import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import Halt, Retry
from pipeline.model import Message, ModelReply, ModelRequest
from pipeline.model.failures import ModelError
from pipeline.model.scripted import Entry, Script, ScriptedClient, ScriptError, Usage


def request(text: str, *earlier: tuple[str, str]) -> ModelRequest:
    messages = (
        *(Message(role=role, content=message) for role, message in earlier),
        Message(role="user", content=text),
    )
    return ModelRequest(model="scripted:x", messages=messages)


async def ask(script: Script, text: str = "hello") -> ModelReply:
    return await ScriptedClient(script).complete(request(text))


async def test_a_plain_file_is_the_reply_to_every_call(tmp_path: Path) -> None:
    (tmp_path / "reply.md").write_text("- not: yaml\n")
    script = Script.load(tmp_path / "reply.md")
    assert (await ask(script)).content == (await ask(script)).content == "- not: yaml\n"


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".yaml", ".yml"])
async def test_every_list_format_reads_the_same(tmp_path: Path, suffix: str) -> None:
    entries = [{"when": "again", "reply": "second"}, {"reply_file": "sub/first.md"}]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "first.md").write_text("first, from a file")
    text = {
        ".json": json.dumps(entries),
        ".jsonl": "\n".join(json.dumps(entry) for entry in entries) + "\n\n",
    }.get(suffix, yaml.safe_dump(entries))
    (tmp_path / f"s{suffix}").write_text(text)
    script = Script.load(tmp_path / f"s{suffix}")
    assert (await ask(script)).content == "first, from a file"
    assert (await ask(script, "try again")).content == "second"


async def test_only_the_last_user_message_decides() -> None:
    script = Script([Entry(when="^secret", reply="wrong"), Entry(reply="right")])
    model_request = request(
        "plain", ("system", "secret"), ("user", "secret"), ("assistant", "secret")
    )
    assert (await ScriptedClient(script).complete(model_request)).content == "right"


async def test_results_of_calls_decide_as_a_user_message_does() -> None:
    script = Script([Entry(when="one\ntwo", reply="right"), Entry(reply="wrong")])
    results = (("user", "one"), ("assistant", ""), ("tool", "one"), ("tool", "two"))
    messages = tuple(Message(role=role, content=content) for role, content in results)
    model_request = ModelRequest(model="scripted:x", messages=messages)
    assert (await ScriptedClient(script).complete(model_request)).content == "right"


async def test_an_entry_may_think_and_call_tools(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "- reasoning: hm\n"
        "  tool_calls:\n"
        "    - {name: bash, arguments: {command: ls}}\n"
        "    - {name: bash, arguments: '{\"comm'}\n"
    )
    client = ScriptedClient(Script.load(tmp_path / "s.yaml"))
    assert client.profile("scripted:x").protocol == "native"
    reply = await client.complete(request("hello"))
    assert reply.content == ""
    assert reply.finish_reason == "tool_calls"
    assert reply.reasoning == ({"type": "reasoning_content", "text": "hm"},)
    assert [call.id for call in reply.tool_calls] == ["call_1_0", "call_1_1"]
    assert [call.arguments for call in reply.tool_calls] == ['{"command": "ls"}', '{"comm']
    assert ScriptedClient(Script([Entry(reply="x")])).profile("m").protocol == "text"


async def test_an_entry_is_used_up_to_its_times_and_then_the_next() -> None:
    script = Script([Entry(reply="a", times=2), Entry(reply="b", times=1)])
    assert [(await ask(script)).content for _ in range(3)] == ["a", "a", "b"]
    with pytest.raises(ModelError, match=r"no entry matches.*one more, please") as caught:
        await ask(script, "one more,\nplease")
    assert isinstance(caught.value.verdict(), Halt)
    assert not caught.value.charged


async def test_usage_and_cost_are_as_scripted_or_else_estimated_and_free() -> None:
    usage = Usage(prompt_tokens=9, completion_tokens=8)
    payload = await ask(
        Script([Entry(reply="x", usage=usage, cost_usd=0.5, finish_reason="length")])
    )
    assert payload.prompt_tokens == 9
    assert payload.completion_tokens == 8
    assert payload.cost_usd == 0.5
    assert payload.finish_reason == "length"
    estimated = await ask(Script([Entry(reply="x" * 40)]), "y" * 39)
    assert estimated.prompt_tokens == 10
    assert estimated.completion_tokens == 10
    assert estimated.cost_usd == 0.0


def test_the_worst_case_is_the_most_expensive_entry() -> None:
    script = Script([Entry(reply="a", cost_usd=0.1), Entry(reply="b", cost_usd=0.7)])
    assert ScriptedClient(script).worst_case(request("x")).usd == 0.7


@pytest.mark.parametrize(
    ("status", "charged", "kind"),
    [
        (400, False, Halt),
        (404, False, Halt),
        (401, False, Retry),
        (429, False, Retry),
        (408, True, Retry),
        (500, True, Retry),
        (503, True, Retry),
    ],
)
async def test_a_scripted_status_acts_like_a_providers(
    status: int, charged: bool, kind: type[Exception]
) -> None:
    script = Script([Entry(status=status, headers={"Retry-After": "7"})])
    with pytest.raises(ModelError) as caught:
        await ask(script)
    error = caught.value.verdict()
    assert isinstance(error, kind)
    assert caught.value.charged is charged
    assert not isinstance(error, Retry) or error.delay == 7.0


async def test_a_scripted_drop_acts_like_a_dropped_connection() -> None:
    with pytest.raises(ModelError, match="dropped the connection"):
        await ask(Script([Entry(drop=True)]))


def bad(entry: Any) -> str:
    return json.dumps([entry])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("s.json", "[", "s.json: not JSON"),
        ("s.jsonl", '{"reply": "x"}\n{', "s.jsonl: not JSONL"),
        ("s.yaml", "a: [", "s.yaml: not YAML"),
        ("s.json", "{}", "give a list with at least one entry"),
        ("s.json", "[]", "give a list with at least one entry"),
        ("s.json", '["x"]', "entry 1: "),
        (
            "s.json",
            bad({}),
            "entry 1: message: give exactly one of reply, reply_file, status, drop",
        ),
        ("s.json", bad({"reply": "a", "status": 500}), "give exactly one of"),
        ("s.json", bad({"reply": "a", "headers": {"a": "b"}}), "headers and code go with status"),
        ("s.json", bad({"replay": "a"}), "replay: unknown field"),
        ("s.json", bad({"reply": "a", "when": "("}), "when: not a regular expression"),
        ("s.json", bad({"reply_file": "gone.md"}), "entry 1: reply_file: "),
        ("s.json", bad({"status": 200}), "status: "),
        ("s.json", bad({"reply": "a", "times": 0}), "times: "),
    ],
)
def test_a_bad_script_is_reported_in_one_message(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ScriptError) as caught:
        Script.load(tmp_path / name)
    assert says in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_missing_or_binary_script_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="can't be read: No such file"):
        Script.load(tmp_path / "gone.md")
    (tmp_path / "b.md").write_bytes(b"\xff\xfe")
    with pytest.raises(ScriptError, match="not UTF-8"):
        Script.load(tmp_path / "b.md")
