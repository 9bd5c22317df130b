"""A form that escapes commands returns each command exactly, whatever it contains."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.call_forms import FORMS
from benchmarks.protocols import judge
from stages.propose_patch.agent.protocol import Bash, Call, read_calls
from stages.propose_patch.agent.protocol.fields import argument_names

from .replies import native_reply, text_reply, tools_in

_ESCAPING = ("native", "native_argument_list", "tags_attribute", "json", "json_fenced")
_FRAGMENTS = (
    "```",
    "```bash",
    "~~~",
    "\n",
    " ",
    "ls",
    "cat <<'EOF'",
    "EOF",
    '<tool name="bash">',
    "</tool>",
    "<parameter=command>",
    "</parameter>",
    "</invoke>",
    "<tool_call>",
    "<think>",
    "</think>",
    '{"tool": "bash", "command": "rm"}',
    "[",
    "}",
    '"',
    "'",
    "\\",
    "&amp;",
    "\u2028",
)
_HOSTILE = st.lists(st.sampled_from(_FRAGMENTS) | st.text(max_size=5), max_size=12).map("".join)
_COMMAND = _HOSTILE.filter(
    lambda text: text.strip() not in ("", "submit") and "\0" not in text and "\r" not in text
)


@settings(max_examples=50)
@given(commands=st.lists(_COMMAND, min_size=1, max_size=3))
def test_forms_that_escape_return_any_command_unchanged(commands: list[str]) -> None:
    for form in _ESCAPING:
        assert judge(form, commands) == "understood", form


@settings(max_examples=30)
@given(content=_HOSTILE)
def test_a_here_document_may_hold_anything(content: str) -> None:
    content = re.sub("<<|\\0|END_OF_FILE", "", content)
    command = f"cat > a <<'END_OF_FILE'\n{content}\nEND_OF_FILE"
    for form in FORMS:
        assert judge(form, [command]) == "understood", form


@given(text=_HOSTILE)
def test_any_text_can_be_read(text: str) -> None:
    for finish_reason in ("stop", "length"):
        read_calls(text_reply(text, finish_reason=finish_reason), "text")


def test_a_long_hostile_text_is_read_in_one_pass() -> None:
    fragments = ("```python\n", '<tool name="bash">\n', '{"a": "\n', "<<A\n", "<path>a</path>\n")
    for fragment in fragments:
        read_calls(text_reply(fragment * 10_000), "text")
    tools = tools_in('<tool name="bash">ls</tool>\n' * 10)
    assert tools == [Bash(command="ls")] * 10


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values, max_size=3)
    ),
    max_leaves=6,
)
_ARGUMENT_NAMES = st.sampled_from(
    sorted(
        {"command", "edits", "diff", "timeout_ms", "workdir"}
        | {name for tool in ("bash", "edit", "run_tests") for name in argument_names(tool)}
    )
)


@given(
    name=st.sampled_from(("bash", "edit", "view", "write", "run_tests", "submit", "grep", "shell")),
    arguments=_JSON | st.dictionaries(_ARGUMENT_NAMES, _JSON, max_size=5),
)
def test_any_arguments_are_read_or_answered(name: str, arguments: object) -> None:
    (call,) = read_calls(native_reply((name, arguments)), "native")

    assert isinstance(call, Call) or len(call.error) < 3_000
