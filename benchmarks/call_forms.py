"""The forms in which models write a shell command as a tool call.

Each writes what a model would: it escapes what the form escapes, and nothing else.
"""

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence

from pipeline.model import ModelReply, ToolCall

Write = Callable[[str], str]

_INTRODUCTION = "The failing case goes through `total()`, so I look at it first.\n\n"
_FENCE_LINE = re.compile(r"^[ \t]*(`{3,})", re.M)


def native(name: str, arguments: Callable[[str], object]) -> Callable[[Sequence[str]], ModelReply]:
    """Return a form that calls natively."""

    def write(commands: Sequence[str]) -> ModelReply:
        calls: list[ToolCall] = []
        for number, command in enumerate(commands):
            written = json.dumps(arguments(command), ensure_ascii=False)
            calls.append(ToolCall(id=f"call-{number}", name=name, arguments=written))
        return _reply(_INTRODUCTION, calls)

    return write


def text(write: Write, *, before: str = _INTRODUCTION) -> Callable[[Sequence[str]], ModelReply]:
    """Return a form in the reply's text, each call after a blank line."""

    def write_reply(commands: Sequence[str]) -> ModelReply:
        calls = "\n\n".join(write(command) for command in commands)
        return _reply(f"{before}{calls}\n", [])

    return write_reply


def _reply(content: str, calls: Sequence[ToolCall]) -> ModelReply:
    return ModelReply(
        content=content,
        tool_calls=tuple(calls),
        finish_reason="tool_calls" if calls else "stop",
        model="written",
        prompt_tokens=0,
        completion_tokens=0,
        cost_usd=0.0,
    )


def _long_fence(command: str) -> str:
    """Return a fence that is longer than any in the command."""
    longest = max((len(mark) for mark in _FENCE_LINE.findall(command)), default=2)
    mark = "`" * max(3, longest + 1)
    return f"{mark}bash\n{command}\n{mark}"


def _json(command: str) -> str:
    return json.dumps({"name": "bash", "arguments": {"command": command}}, ensure_ascii=False)


def _pretty_json(command: str) -> str:
    return json.dumps({"tool": "bash", "parameters": {"command": command}}, indent=2)


def _parameters(command: str) -> str:
    return (
        '<function_calls>\n<invoke name="bash">\n'
        f'<parameter name="command">{command}</parameter>\n</invoke>\n</function_calls>'
    )


def _function_tags(command: str) -> str:
    return f"<function=execute_bash>\n<parameter=command>\n{command}\n</parameter>\n</function>"


def _keyed(command: str) -> str:
    return (
        f"<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>{command}</arg_value>\n"
        "</tool_call>"
    )


def _tags(command: str) -> str:
    return f'<tool name="bash">\n{command}\n</tool>'


_DRAFT = "\n".join(
    (
        "I could remove the build first:",
        '<tool name="bash">',
        "rm -rf build",
        "</tool>",
        "```bash",
        "rm -rf build",
        "```",
        "But that is not needed.",
    )
)

FORMS: Mapping[str, Callable[[Sequence[str]], ModelReply]] = {
    "native": native("bash", lambda command: {"command": command}),
    "native_argument_list": native("shell", lambda command: {"command": ["bash", "-lc", command]}),
    "native_other_names": native("execute_bash", lambda command: {"cmd": command, "timeout": "60"}),
    "native_bare_string": native("terminal", lambda command: command),
    "fenced": text(_long_fence),
    "fenced_by_three": text(lambda command: f"```bash\n{command}\n```"),
    "tags": text(_tags),
    "tags_one_line": text(lambda command: f'<tool name="bash">{command}</tool>'),
    "tags_single_quotes": text(lambda command: f"<tool name='run_command'>\n{command}\n</tool>"),
    "tags_attribute": text(
        lambda command: f'<tool name="bash" command="{html.escape(command)}" />'
    ),
    "tags_element": text(
        lambda command: f'<tool name="bash">\n<command>\n{command}\n</command>\n</tool>'
    ),
    "tags_json": text(
        lambda command: f'<tool name="bash">{json.dumps({"command": command})}</tool>'
    ),
    "tags_of_tool": text(lambda command: f"<execute_bash>\n{command}\n</execute_bash>"),
    "invoke": text(_parameters),
    "function_tags": text(_function_tags),
    "function_tags_in_call": text(
        lambda command: f"<tool_call>\n{_function_tags(command)}\n</tool_call>"
    ),
    "keyed": text(_keyed),
    "json": text(_json),
    "json_pretty": text(_pretty_json),
    "json_fenced": text(lambda command: f"```json\n{_json(command)}\n```"),
    "json_in_tags": text(lambda command: f"<tool_call>\n{_json(command)}\n</tool_call>"),
    "after_thought": text(_tags, before=f"<think>\n{_DRAFT}\n</think>\n\n"),
    "after_unopened_thought": text(_tags, before=f"{_DRAFT}\n</think>\n\n"),
    "fenced_after_thought": text(_long_fence, before=f"{_DRAFT}\n</think>\n\n"),
}
"""Form -> the reply that has these commands, in order."""
