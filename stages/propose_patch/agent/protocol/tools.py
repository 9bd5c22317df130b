"""The tools of the agent: the models of their arguments, and their schemas for a provider.

A model's docstring is the tool's description.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipeline.model import ToolSpec
from stages.propose_patch.follow_up import MAX_COMMENT_REPLY

#: Maximum characters of a shell command.
MAX_COMMAND = 100_000
#: Maximum characters of a text that is written to a file.
MAX_TEXT = 1_000_000
#: Maximum characters of a summary, question or reason.
MAX_PROSE = 20_000
#: Maximum characters of the name of a review comment.
_MAX_COMMENT_NAME = 20
MAX_PATH = 1_000
MAX_TESTS = 1_000
_MAX_SECONDS = 86_400

_SCHEMA_KEYS = ("type", "description", "enum", "items", "properties", "required")
"""The keywords that every provider's dialect of JSON Schema accepts."""


def _without_null(text: str) -> str:
    if "\0" in text:
        raise ValueError("it contains a null character")
    return text


Path = Annotated[str, Field(min_length=1, max_length=MAX_PATH), AfterValidator(_without_null)]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Prose = Annotated[str, Field(max_length=MAX_PROSE)]
EditCommand = Literal["view", "create", "str_replace", "insert", "undo_edit"]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]
    """The tool's name."""


class Bash(_Arguments):
    """Run a command with `bash -c` in the repository's folder. The files it writes persist;
    variables, the current folder and background processes do not. There is no network and no
    terminal.
    """

    name = "bash"
    command: Annotated[
        str, Field(min_length=1, max_length=MAX_COMMAND), AfterValidator(_without_null)
    ] = Field(description="The command; it may have several lines.")
    seconds: float | None = Field(
        None,
        gt=0,
        le=_MAX_SECONDS,
        allow_inf_nan=False,
        description="Time limit, if the command needs more than the default of 120 seconds.",
    )


class Edit(_Arguments):
    """View and edit files. `view` shows a file with line numbers, or lists a folder; `create`
    writes a whole file; `str_replace` replaces text that occurs exactly once; `insert` adds lines
    after a line; `undo_edit` reverts the last edit of a file.
    """

    name = "edit"
    command: EditCommand
    path: Path = Field(description="A file or folder, relative to the repository's folder.")
    view_range: tuple[int, int] | None = Field(
        None,
        description="view: first and last line, such as [10, 80]; -1 means the end.",
    )
    file_text: Text | None = Field(None, description="create: the whole text of the file.")
    old_str: Text | None = Field(
        None,
        description="str_replace: the text to replace, exactly as in the file, with enough lines"
        " around the change to occur only once.",
    )
    new_str: Text | None = Field(
        None, description="str_replace, insert: the new text. Without it, old_str is deleted."
    )
    insert_line: int | None = Field(
        None, ge=0, description="insert: the line after which to insert; 0 for the beginning."
    )
    replace_all: bool = Field(False, description="str_replace: replace each occurrence of old_str.")

    @model_validator(mode="after")
    def _complete(self) -> "Edit":
        for field in _REQUIRED_BY_COMMAND.get(self.command, ()):
            if getattr(self, field) is None:
                raise ValueError(f"{self.command} needs {field}")
        if self.command == "str_replace" and not self.old_str:
            raise ValueError("old_str is empty: use create for a new file, or insert")
        return self


_REQUIRED_BY_COMMAND: dict[str, tuple[str, ...]] = {
    "create": ("file_text",),
    "str_replace": ("old_str",),
    "insert": ("insert_line", "new_str"),
}


class RunTests(_Arguments):
    """Run tests in the workspace, and compare the results with the unchanged repository."""

    name = "run_tests"
    tests: tuple[Path, ...] = Field(
        (),
        max_length=MAX_TESTS,
        description="Test files, folders, or node ids such as tests/test_a.py::test_b; if empty,"
        " the tests that were chosen for the issue.",
    )


class Submit(_Arguments):
    """Hand in all changes of the workspace. The first call shows the change and a checklist; the
    second one is final.
    """

    model_config = ConfigDict(json_schema_extra={"required": ["summary"]})

    name = "submit"
    summary: Prose = Field(
        "",
        description="One paragraph for the pull request, for readers who know nothing else: what"
        " was wrong, and the change.",
    )
    title: Prose = Field(
        "",
        description="What the change does, in one line of at most 72 characters, for the pull"
        " request and the commit.",
    )


class NeedsInfo(_Arguments):
    """End without a change: neither the issue nor the code shows the expected behavior."""

    name = "needs_info"
    what: Prose = Field(min_length=1, pattern=r"\S", description="What the issue does not say.")


class NoChangeNeeded(_Arguments):
    """End without a change: the repository already does what the issue asks for. The only edit is
    then a new test file that shows it.
    """

    name = "no_change_needed"
    why: Prose = Field(description="How the test shows that nothing is missing.")


class Reply(_Arguments):
    """Answer a review comment. Answers are posted once the work ends; of several to one comment,
    the last counts.
    """

    name = "reply"
    comment: Annotated[str, Field(min_length=1, max_length=_MAX_COMMENT_NAME)] = Field(
        description="The comment's name, such as C1."
    )
    text: Annotated[str, Field(pattern=r"\S", max_length=MAX_COMMENT_REPLY)] = Field(
        description="What you did about it, or why nothing, in one to three sentences."
    )


class ApplyEdits(_Arguments):
    """Change files by a patch envelope, a unified diff, or search/replace blocks."""

    name = "apply_patch"
    text: Text = Field(min_length=1, description="The edits, all in one format.")


Tool = Bash | Edit | RunTests | Submit | NeedsInfo | NoChangeNeeded | Reply | ApplyEdits

#: The tools that are described to a model that fixes an issue, in this order.
ADVERTISED: tuple[type[Tool], ...] = (Bash, Edit, RunTests, Submit, NeedsInfo, NoChangeNeeded)
#: The tools that are described to a model that answers a review.
REVIEW_TOOLS: tuple[type[Tool], ...] = (Bash, Edit, RunTests, Reply, Submit)
#: Tool by name, including apply_patch, which is accepted but not described.
TOOLS: dict[str, type[Tool]] = {kind.name: kind for kind in (*ADVERTISED, Reply, ApplyEdits)}


def describe(kind: type[Tool]) -> str:
    """Return a tool's description on one line."""
    return " ".join((kind.__doc__ or "").split())


def _schema(kind: type[Tool]) -> dict[str, Any]:
    """Return the JSON schema of a tool's arguments, reduced to what all providers accept."""
    schema = _plain(kind.model_json_schema())
    schema.pop("description")
    return schema


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without titles, defaults, limits and null."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    merged = {**schema, **options[0]} if options else dict(schema)
    if "prefixItems" in merged:
        merged["items"] = {"type": merged["prefixItems"][0]["type"]}
    plain = {key: merged[key] for key in _SCHEMA_KEYS if key in merged}
    if "items" in plain:
        plain["items"] = _plain(plain["items"])
    if "properties" in plain:
        fields = plain["properties"]
        plain["properties"] = {name: _plain(field) for name, field in fields.items()}
    return plain


def _spec(kind: type[Tool]) -> ToolSpec:
    return ToolSpec(name=kind.name, description=describe(kind), parameters=_schema(kind))


TOOL_SPECS: tuple[ToolSpec, ...] = tuple(_spec(kind) for kind in ADVERTISED)
REVIEW_TOOL_SPECS: tuple[ToolSpec, ...] = tuple(_spec(kind) for kind in REVIEW_TOOLS)
