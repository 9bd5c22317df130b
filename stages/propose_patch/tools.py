"""The tools' schemas, and how a call is read out of a reply.

A text protocol, one call a reply, instead of providers' own tool calls: every model and every
stand-in can write it, a stored reply stays a text, and edits need no escaping."""

import re

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.job import explain
from prompts.filters import clip

MAX_COMMAND = 8_000
_OPEN = re.compile(r'^\s*<tool name="(?P<name>\w+)">\s*$')
_CLOSE = "</tool>"


class ToolError(Exception):
    """A call that can't be done; the text says why, and what would do."""


class Call(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Search(Call):
    """the lines that hold a text, as it is written (no pattern)"""

    text: str = Field(min_length=2, max_length=200)
    path: str = Field("", description="a file or folder to search in; everything where left out")


class Open(Call):
    """a file's lines"""

    path: str
    lines: str = Field(
        "",
        pattern=r"^(\d{1,9}-\d{1,9})?$",
        description="such as 10-80; the file's beginning where left out",
    )


class Symbol(Call):
    """the definitions of a name"""

    name: str = Field(pattern=r"^\w+(\.\w+)*$", description="such as parse, or Parser.parse")


class Edit(Call):
    """change files; the whole body is edit blocks, as below"""

    body: str


class Undo(Call):
    """take the last edit back"""


class Run(Call):
    """a shell command in a copy of the repository with your edits; without network, and what it
    writes is dropped
    """

    body: str = Field(max_length=MAX_COMMAND)


class Test(Call):
    """run test files with your edits; compared with the repository as it was"""

    __test__ = False
    body: str = Field(
        "", description="test files, one a line; those chosen for the issue where empty"
    )


class Submit(Call):
    """hand your edits in; the whole body is one short paragraph for the pull request: what was
    wrong, and the change
    """

    body: str


class NoChangeNeeded(Call):
    """the repository already does what the issue asks; your edits must be one new test file that
    shows it. Body: why
    """

    body: str


class NeedsInfo(Call):
    """the issue lacks what anyone would need to know what shall happen. Body: what is missing"""

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


def described() -> list[dict[str, object]]:
    """For the prompt."""
    told: list[dict[str, object]] = []
    for name, kind in TOOLS.items():
        fields = (
            []
            if "body" in kind.model_fields
            else [
                f"{field}: {info.description or 'required'}"
                for field, info in kind.model_fields.items()
            ]
        )
        told.append({"name": name, "help": kind.__doc__, "fields": fields})
    return told


def parse_call(reply: str) -> Call:
    """The one tool call of a reply.

    Raises:
        ToolError: there is none, or more than one, or it does not fit the tool's schema.
    """
    lines = reply.encode(errors="replace").decode().replace("\r\n", "\n").split("\n")
    opened = next(
        ((at, found["name"]) for at, line in enumerate(lines) if (found := _OPEN.match(line))), None
    )
    if opened is None:
        raise ToolError(
            'There is no tool call. Write <tool name="NAME"> alone on a line, the arguments, and'
            " </tool>."
        )
    at, name = opened
    if name not in TOOLS:
        raise ToolError(f"There is no tool {name!r}. There are: {', '.join(TOOLS)}.")
    closed = next((end for end in range(at + 1, len(lines)) if lines[end].strip() == _CLOSE), None)
    if closed is None:
        raise ToolError(f"The call of {name} has no end: write </tool> alone on a line after it.")
    if any(_OPEN.match(line) for line in lines[closed + 1 :]):
        raise ToolError(
            "Several tool calls in one message, of which none was done. Make one, and wait for its"
            " result."
        )
    kind = TOOLS[name]
    body = lines[at + 1 : closed]
    arguments = {"body": "\n".join(body)} if "body" in kind.model_fields else _fields(name, body)
    try:
        return kind.model_validate(arguments)
    except ValidationError as error:
        raise ToolError(f"{name}: {explain(error)}") from error


def _fields(name: str, lines: list[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    for line in filter(str.strip, lines):
        key, colon, value = line.partition(":")
        if not colon:
            raise ToolError(
                f"{name}: {clip(line, 80)!r} is no argument: write each as NAME: VALUE on a line of"
                " its own."
            )
        told[key.strip()] = value.strip()
    return told
