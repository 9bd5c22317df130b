"""How a call is written in each protocol: for the prompt, and for the answer to an invalid call."""

import json
from typing import Literal

from stages.propose_patch.agent.protocol.names import find_name
from stages.propose_patch.agent.protocol.tools import (
    ADVERTISED,
    ApplyEdits,
    Bash,
    Edit,
    NeedsInfo,
    NoChangeNeeded,
    Reply,
    RunTests,
    Submit,
    Tool,
    describe,
)

Protocol = Literal["native", "text"]

_REPLACEMENT = Edit(
    command="str_replace",
    path="src/prices.py",
    old_str="    return price * count",
    new_str="    return round(price * count, 2)",
)
_EDITS = (
    _REPLACEMENT,
    Edit(command="view", path="src/prices.py", view_range=(1, 80)),
    Edit(command="create", path="tests/test_prices.py", file_text="def test_total():\n    ...\n"),
    Edit(command="insert", path="src/prices.py", insert_line=0, new_str="import math"),
    Edit(command="undo_edit", path="src/prices.py"),
)
_PATCH = """\
*** Begin Patch
*** Update File: src/prices.py
@@
-    return price * count
+    return round(price * count, 2)
*** End Patch"""
_EXAMPLES: dict[str, Tool] = {
    "bash": Bash(command="grep -rn 'def total' src"),
    "edit": _REPLACEMENT,
    "run_tests": RunTests(tests=("tests/test_prices.py",)),
    "submit": Submit(
        summary="Totals were not rounded; now they are rounded to cents.",
        title="Round totals to cents",
    ),
    "needs_info": NeedsInfo(what="The issue does not say which rounding is expected."),
    "no_change_needed": NoChangeNeeded(why="tests/test_prices.py shows that totals are rounded."),
    "reply": Reply(comment="C1", text="Done: totals are rounded in `prices.total` now."),
    "apply_patch": ApplyEdits(text=_PATCH),
}


def example(tool: str, protocol: Protocol, command: str = "") -> str:
    """Return an example call of a tool. For ``edit``, ``command`` selects the example."""
    call = _EXAMPLES[tool]
    if tool == "edit":
        call = next((edit for edit in _EDITS if edit.command == command), call)
    return write_arguments(call) if protocol == "native" else write_tags(call)


def write_arguments(call: Tool) -> str:
    """Return a call's arguments as the JSON of a native call."""
    return json.dumps(call.model_dump(exclude_defaults=True), ensure_ascii=False)


def write_tags(call: Tool) -> str:
    """Return a call in the text protocol."""
    arguments = call.model_dump(exclude_defaults=True)
    lines = [f'<tool name="{call.name}">']
    if len(arguments) == 1 and find_name(call.name) is not None:
        lines.append(_one_argument(next(iter(arguments.values()))))
    else:
        for name, value in arguments.items():
            text = value if isinstance(value, str) else json.dumps(value)
            lines.append(_element(name, text))
    lines.append("</tool>")
    return "\n".join(lines)


def _one_argument(value: object) -> str:
    return value if isinstance(value, str) else "\n".join(value)  # type: ignore[arg-type]


def _element(name: str, text: str) -> str:
    if "\n" in text or text != text.strip():
        return f"<{name}>\n{text.removesuffix(chr(10))}\n</{name}>"
    return f"<{name}>{text}</{name}>"


def describe_text_protocol() -> str:
    """Return the description of all tools and of how to call them, for a prompt."""
    return "\n\n".join([_INTRODUCTION, *(describe_text_tool(kind) for kind in ADVERTISED)])


def describe_text_tool(kind: type[Tool]) -> str:
    """Return the description of one tool, with an example of how to call it."""
    return f"`{kind.name}`: {describe(kind)}\n\n{_examples_of(kind)}"


def _examples_of(kind: type[Tool]) -> str:
    calls: tuple[Tool, ...] = _EDITS if kind is Edit else (_EXAMPLES[kind.name],)
    return "\n\n".join(write_tags(call) for call in calls)


_INTRODUCTION = """\
To call a tool, write its tag at the beginning of a line, and close the tag. A message may contain \
several calls; they are carried out in order. The text between the tags is taken literally: do not \
escape anything."""
