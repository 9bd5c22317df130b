"""The schemas of the tools, and the parser for calls in a reply.

The protocol is plain text with one call per reply, instead of the providers' own tool calls: every
model and every stand-in can write it, a stored reply remains plain text, and edits need no
escaping. A schema's docstring is the tool's description in the prompt.
"""

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.job import explain
from prompts.filters import clip

#: Limit of a shell command, in characters.
MAX_COMMAND = 8_000
_OPENING = re.compile(r'^\s*<tool name="(?P<name>\w+)">\s*$')
_CLOSING = "</tool>"


class ToolError(Exception):
    """A call is invalid or fails; the text says why, and what to do instead."""


class Call(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Search(Call):
    """the lines that contain a literal text (not a pattern)"""

    text: str = Field(min_length=2, max_length=200)
    path: str = Field("", description="a file or folder to search in; default: everything")


class Open(Call):
    """a file's lines"""

    path: str
    lines: str = Field(
        "",
        pattern=r"^(\d{1,9}-\d{1,9})?$",
        description="such as 10-80; default: the file's beginning",
    )


class Symbol(Call):
    """the definitions of a name"""

    name: str = Field(pattern=r"^\w+(\.\w+)*$", description="such as parse, or Parser.parse")


class Edit(Call):
    """change files; the whole body is edit blocks, as below"""

    body: str


class Undo(Call):
    """undo the last edit"""


class Run(Call):
    """a shell command in a copy of the repository with your edits; it has no network, and files
    that it writes are discarded
    """

    body: str = Field(max_length=MAX_COMMAND)


class Test(Call):
    """run test files with your edits, and compare the results with the unchanged repository"""

    __test__ = False
    body: str = Field(
        "", description="test files, one per line; default: those chosen for the issue"
    )


class Submit(Call):
    """submit your edits; the whole body is one short paragraph for the pull request: what was
    wrong, and the change
    """

    body: str


class NoChangeNeeded(Call):
    """the repository already does what the issue asks for; your only edit must be one new test file
    that shows it. Body: why
    """

    body: str


class NeedsInfo(Call):
    """the issue does not say enough to know what should happen. Body: what is missing"""

    body: str = Field(pattern=r"\S")


TOOLS: dict[str, type[Call]] = {
    "search": Search,
    "open": Open,
    "symbol": Symbol,
    "edit": Edit,
    "undo": Undo,
    "run": Run,
    "test": Test,
    "submit": Submit,
    "no_change_needed": NoChangeNeeded,
    "needs_info": NeedsInfo,
}


def tool_name(call: Call) -> str:
    for name, kind in TOOLS.items():
        if isinstance(call, kind):
            return name
    raise TypeError(f"no tool has calls of type {type(call).__name__}")


_PROTOCOL = """\
Make exactly one tool call a reply, with each tag on a line of its own:

<tool name="open">
path: src/package/module.py
lines: 10-80
</tool>
"""


def describe_text_protocol() -> str:
    """Describe how a call is written, and each tool with its fields, for the prompt."""
    lines = [_PROTOCOL]
    for name, kind in TOOLS.items():
        summary = " ".join((kind.__doc__ or "").split())
        lines.append(f"- {name}: {summary}")
        if not _has_body(kind):
            for field, info in kind.model_fields.items():
                lines.append(f"  - {field}: {info.description or 'required'}")
    return "\n".join(lines)


def parse_call(reply: str) -> Call:
    """Return the tool call in a reply.

    Raises:
        ToolError: there is none or more than one, or it does not match the tool's schema.
    """
    text = reply.encode(errors="replace").decode().replace("\r\n", "\n")
    name, body = _find_call(text.split("\n"))
    kind = TOOLS[name]
    arguments = {"body": "\n".join(body)} if _has_body(kind) else _read_fields(name, body)
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        raise ToolError(f"{name}: {explain(error)}") from error


def _find_call(lines: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return a call's name and the lines of its body."""
    start, name = _find_opening(lines)
    if name not in TOOLS:
        raise ToolError(f"There is no tool {name!r}. There are: {', '.join(TOOLS)}.")
    end = _find_closing(lines, start + 1)
    if end is None:
        raise ToolError(
            f"The call of {name} has no end: write </tool> on a line of its own after it."
        )
    if any(_OPENING.match(line) for line in lines[end + 1 :]):
        raise ToolError(
            "There are several tool calls in one message; none of them was carried out. Make one,"
            " and wait for its result."
        )
    return name, lines[start + 1 : end]


def _find_opening(lines: Sequence[str]) -> tuple[int, str]:
    for index, line in enumerate(lines):
        match = _OPENING.match(line)
        if match is not None:
            return index, match["name"]
    raise ToolError(
        'There is no tool call. Write <tool name="NAME"> on a line of its own, the arguments,'
        " and </tool>."
    )


def _find_closing(lines: Sequence[str], start: int) -> int | None:
    for index in range(start, len(lines)):
        if lines[index].strip() == _CLOSING:
            return index
    return None


def _has_body(kind: type[Call]) -> bool:
    return "body" in kind.model_fields


def _read_fields(name: str, lines: Sequence[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        field, colon, value = line.partition(":")
        if not colon:
            raise ToolError(
                f"{name}: {clip(line, 80)!r} is not an argument: write each as NAME: VALUE on a"
                " line of its own."
            )
        fields[field.strip()] = value.strip()
    return fields
