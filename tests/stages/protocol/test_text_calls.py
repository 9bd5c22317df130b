"""Calls in a reply's text, in the spellings of many models."""

import pytest

from stages.propose_patch.agent.protocol import (
    ADVERTISED,
    ApplyEdits,
    Bash,
    Edit,
    NeedsInfo,
    RunTests,
    Submit,
    Tool,
    describe_text_protocol,
    has_edits_beside_calls,
    read_calls,
)
from stages.propose_patch.agent.protocol.calls import MAX_CALLS, MAX_REPLY

from .replies import bad_calls, native_reply, text_reply, tools_in

LS = Bash(command="ls -la")
BLOCKS = "a.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE"


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nls -la\n```",
        "```sh\nls -la\n```",
        "```shell\n$ ls -la\n```",
        "~~~~bash\nls -la\n~~~~",
        "1. Look:\n\n   ```bash\n   ls -la\n   ```",
        '<tool name="bash">\nls -la\n</tool>',
        '<tool name="bash">ls -la</tool>',
        "<tool name='bash'>ls -la</tool>",
        '<tool name="bash">\n```bash\nls -la\n```\n</tool>',
        '<tool name="bash" command="ls -la" />',
        "<tool name='run_command' cmd='ls -la'></tool>",
        '<tool name="bash">{"command": "ls -la"}</tool>',
        '<tool name="bash">\n{\n  "command": "ls -la"\n}\n</tool>',
        '<tool name="bash">\n<command>ls -la</command>\n</tool>',
        '<tool name="bash"><arguments>{"command": "ls -la"}</arguments></tool>',
        '<tool name="bash">\n<parameters>\n<command>ls -la</command>\n</parameters>\n</tool>',
        "<bash>ls -la</bash>",
        "<execute_bash>\nls -la\n</execute_bash>",
        "<execute_command>\n<command>ls -la</command>\n</execute_command>",
        "<function=execute_bash>\n<parameter=command>\nls -la\n</parameter>\n</function>",
        "<function=bash>\n<parameter=command>ls -la</parameter>",
        '<function=bash>{"command": "ls -la"}</function>',
        "<tool_call>\n<function=bash>\n<parameter=command>\nls -la\n</parameter>\n</function>\n"
        "</tool_call>",
        '<tool_call>\n{"name": "bash", "arguments": {"command": "ls -la"}}\n</tool_call>',
        '<tool_call>{"name": "bash", "arguments": "{\\"command\\": \\"ls -la\\"}"}',
        "<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>ls -la</arg_value>\n</tool_call>",
        "<tool_use>\n<name>bash</name>\n<arguments>\n<command>ls -la</command>\n</arguments>\n"
        "</tool_use>",
        '<function_calls>\n<invoke name="bash">\n<parameter name="command">ls -la</parameter>\n'
        "</invoke>\n</function_calls>",
        '<minimax:tool_call>\n<invoke name="bash">\n<parameter name="command">ls -la</parameter>\n'
        "</invoke>\n</minimax:tool_call>",
        '```xml\n<tool name="bash">\nls -la\n</tool>\n```',
        '```json\n{"name": "bash", "arguments": {"command": "ls -la"}}\n```',
        '```\n{"tool": "bash", "command": "ls -la"}\n```',
        '```tool_call\n[{"name": "bash", "arguments": {"command": "ls -la"}}]\n```',
        '```tool_code\nprint(default_api.run_shell_command(command="ls -la"))\n```',
        '```json\n{"command": "ls -la"}\n```',
        '{"name": "bash", "arguments": {"command": "ls -la"}}',
        '{"tool": "bash", "args": {"cmd": "ls -la"}}',
        '{"action": "bash", "action_input": "ls -la"}',
        '{"thought": "I look.", "action": {"tool": "bash", "parameters": {"command": "ls -la"}}}',
        '{"tool_calls": [{"id": "1", "type": "function", "function": {"name": "bash", "arguments":'
        ' "{\\"command\\": \\"ls -la\\"}"}}]}',
        '{"bash": {"command": "ls -la"}}',
        '[TOOL_CALLS][{"name": "bash", "arguments": {"command": "ls -la"}}]',
        '<|python_tag|>{"name": "bash", "parameters": {"command": "ls -la"}}',
    ],
)
@pytest.mark.parametrize("before", ["", "I look at the folder.\n\n", "<think>\nls?\n</think>\n"])
def test_spellings_of_a_command_are_understood(text: str, before: str) -> None:
    assert tools_in(before + text) == [LS]
    assert tools_in((before + text).replace("\n", "\r\n")) == [LS]


VIEW = Edit(command="view", path="a.py", view_range=(10, 80))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<tool name="open">\npath: a.py\nlines: 10-80\n</tool>', VIEW),
        ("<view_file>\n<path>a.py</path>\n<line_range>10-80</line_range>\n</view_file>", VIEW),
        ('<tool name="edit" command="view" path="a.py" view_range="10-80"/>', VIEW),
        ('```json\n{"name": "view", "arguments": {"path": "a.py", "range": "10:80"}}\n```', VIEW),
        (
            '<tool name="edit" command="create" path="a.py">\nx = 1\n</tool>',
            Edit(command="create", path="a.py", file_text="x = 1"),
        ),
        (
            '<tool name="edit">\n<command>create</command>\n<path>a.xml</path>\n<file_text>\n'
            '<tool name="x">\n</tool>\n</file_text>\n</tool>',
            Edit(command="create", path="a.xml", file_text='<tool name="x">\n</tool>\n'),
        ),
        (
            "<function=str_replace_editor>\n<parameter=command>str_replace</parameter>\n"
            "<parameter=path>a.py</parameter>\n<parameter=old_str>\n    x\n</parameter>\n"
            "<parameter=new_str>\n    y < z\n</parameter>\n</function>",
            Edit(command="str_replace", path="a.py", old_str="    x", new_str="    y < z"),
        ),
        ('<tool name="run_tests">\na.py\nb.py::t\n</tool>', RunTests(tests=("a.py", "b.py::t"))),
        ('<tool name="run_tests"></tool>', RunTests()),
        ('<tool name="submit">\nFixed.\n</tool>', Submit(summary="Fixed.")),
        ("<submit/>", Submit()),
        (
            "<attempt_completion>\n<result>Fixed.</result>\n</attempt_completion>",
            Submit(summary="Fixed."),
        ),
        (f'<tool name="edit">\n{BLOCKS}\n</tool>', ApplyEdits(text=BLOCKS)),
        (f'<tool name="apply_patch">\n{BLOCKS}\n</tool>', ApplyEdits(text=BLOCKS)),
    ],
)
def test_spellings_of_other_tools_are_understood(text: str, expected: Tool) -> None:
    assert tools_in(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "```bash\nls\n```\nThen:\n```bash\npwd\n```",
        '<tool name="bash">ls</tool>\n\nThen:\n<tool name="bash">\npwd\n</tool>',
        '<tool name="bash">ls</tool> <tool name="bash">pwd</tool>',
        '{"tool": "bash", "command": "ls"}\n{"tool": "bash", "command": "pwd"}',
    ],
)
def test_several_calls_are_read_in_order(text: str) -> None:
    assert tools_in(text) == [Bash(command="ls"), Bash(command="pwd")]


@pytest.mark.parametrize(
    "text",
    [
        "All is done.",
        'A call is written as `<tool name="bash">ls</tool>`, on a line of its own.',
        "The output was:\n\n```\nls\n```\n\n```console\n$ ls\na.py\n```",
        "```bash\n$ ls\na.py\n```",
        '```python\n# <tool name="bash">ls</tool>\n```',
        '{"name": "demo", "version": "1.0", "scripts": {"test": "jest"}}',
        '<think>\n```bash\nls\n```\n<tool name="bash">ls</tool>\n</think>\nI am done.',
        f"<think>\n{BLOCKS}\n</think>\nI reproduce it first.",
        f"I plan:\n{BLOCKS}\n</think>\nI reproduce it first.",
        '<think>\nA thought without an end.\n<tool name="bash">ls</tool>',
    ],
)
def test_prose_is_not_a_call(text: str) -> None:
    assert read_calls(text_reply(text), "text") == ()


@pytest.mark.parametrize(
    "text",
    [
        'The tests end with:\n\n```bash\nFAILED\n```\n\n<tool name="bash">\nls -la\n</tool>',
        'I could:\n<tool name="bash">rm a</tool>\nNo.\n</think>\n<tool name="bash">ls -la</tool>',
        'I could:\n<tool name="bash">rm a\nNo.\n</think>\n<tool name="bash">ls -la</tool>',
        "I could:\n```bash\nrm a\n</think>\n```bash\nls -la\n```",
        '<think>\n<tool name="bash">rm a</tool></think><tool name="bash">ls -la</tool>',
    ],
)
def test_examples_and_drafts_beside_a_call_are_left_out(text: str) -> None:
    assert tools_in(text) == [LS]


CONTENT = """\
```bash
pip install x
```
<tool name="bash">
rm a
</tool>
</parameter>
</think>
{"tool": "bash", "command": "rm a"}"""
HEREDOC = f"cat > a.md <<'EOF'\n{CONTENT}\nEOF\npwd"


@pytest.mark.parametrize(
    "text",
    [
        f"```bash\n{HEREDOC}\n```",
        f'<tool name="bash">\n{HEREDOC}\n</tool>',
        f'<invoke name="bash">\n<parameter name="command">{HEREDOC}</parameter>\n</invoke>',
        f"<function=bash>\n<parameter=command>\n{HEREDOC}\n</parameter>\n</function>",
    ],
)
def test_what_a_command_writes_may_look_like_the_end_of_the_call(text: str) -> None:
    assert tools_in(text) == [Bash(command=HEREDOC)]


def test_a_longer_fence_may_hold_shorter_ones() -> None:
    command = "python -c '''\n```\nx\n```\n'''"

    assert tools_in(f"````bash\n{command}\n````") == [Bash(command=command)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('<tool name="bash">\nls\n', "not closed"),
        ('<tool name="bash">\nls\n<tool name="bash">\npwd\n</tool>', "not closed"),
        ("```bash\nls\n", "not closed"),
        ("```bash\necho '\n```\nx\n```python\n```\n'\n```", "not clear"),
        ("<tool name=\"bash\">\necho '\n</tool>\n'\n</tool>", "not clear"),
        ('{"tool": "bash", "arguments": {"command": "ls}', "not valid JSON"),
        ('<tool name="bash">{"command": "ls}</tool>', "not valid JSON"),
        ('Let me look: <tool name="bash">ls</tool>', "beginning of a line"),
        ('Write <tool name="bash">ls</tool> to list files.', "beginning of a line"),
        ('<tool name="think">x</tool>', "no tool 'think'"),
        ('```json\n{"name": "think", "arguments": {}}\n```', "no tool 'think'"),
        ("x" * (MAX_REPLY + 1), "characters"),
    ],
)
def test_an_unclear_call_is_answered_with_the_reason(text: str, word: str) -> None:
    (bad,) = bad_calls(text_reply(text))

    assert word in bad.error


@pytest.mark.parametrize("text", [BLOCKS, "```bash\nls\n```", '<tool name="bash">\nls\n'])
@pytest.mark.parametrize("finish_reason", ["length", "content_filter"])
def test_nothing_of_a_reply_that_is_not_whole_is_carried_out(text: str, finish_reason: str) -> None:
    assert read_calls(text_reply(text), "text")
    assert read_calls(text_reply(text, finish_reason=finish_reason), "text") == ()


def test_edits_beside_a_call_are_noticed() -> None:
    beside = [
        f"{BLOCKS}\n\n```bash\nls\n```",
        f'<tool name="bash">ls</tool>\n\n{BLOCKS}\n',
        f"<think>\n```bash\nls\n```\n</think>\n\n```bash\nls\n```\n\n{BLOCKS}",
    ]
    elsewhere = [
        BLOCKS,
        f"```bash\ncat > note <<'EOF'\n{BLOCKS}\nEOF\n```",
        f'<tool name="apply_patch">\n{BLOCKS}\n</tool>',
        f"<think>\n{BLOCKS}\n</think>\n\n```bash\nls\n```",
    ]
    assert [has_edits_beside_calls(text_reply(text)) for text in beside] == [True] * 3
    assert [has_edits_beside_calls(text_reply(text)) for text in elsewhere] == [False] * 4

    native = native_reply(("bash", {"command": "ls"})).model_copy(update={"content": BLOCKS})
    assert has_edits_beside_calls(native)


def test_no_more_calls_are_carried_out_than_a_reply_may_have() -> None:
    calls = read_calls(text_reply("```bash\nls\n```\n" * (MAX_CALLS + 1)), "text")

    assert len(calls) == MAX_CALLS


def test_the_description_of_the_protocol_is_understood_itself() -> None:
    described = {tool.name for tool in tools_in(describe_text_protocol())}

    assert described == {kind.name for kind in ADVERTISED}


def test_a_needs_info_line_in_prose_is_understood() -> None:
    text = "I looked.\n\nNEEDS_INFO: which numbers?"
    assert tools_in(text) == [NeedsInfo(what="which numbers?")]
