"""``.coding-agent.toml``: the file in which a repository configures this service.

The key ``enabled``, before the tables, says whether this service may open pull requests here; it is
read from the **default branch**. The file has two tables, which are read from different branches:

- ``[edits]`` says what a model may change. It is read from the repository's **default branch**,
  whichever branch a job names: a branch must not loosen the rules for its own changes.
- ``[tests]`` says how to run the tests. It is read from the **base commit** of the job, because it
  must match the tests of that commit. Its commands run only in the sandbox.

Each table is validated separately, so that an error in one leaves the other usable. Other tables
are ignored.
"""

import re
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from repository.runners import Runner
from repository.toml import read_toml

CONFIG = ".coding-agent.toml"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ConfigError(ValueError):
    """A ``.coding-agent.toml`` can't be used; the message is one line that says where and why."""


class EditRules(BaseModel):
    """The table ``[edits]``: what a model's reply may change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    protected: tuple[str, ...] = Field((), max_length=200)
    """Additional patterns of paths that may not be written."""
    allowed: tuple[str, ...] = Field((), max_length=200)
    """Patterns of paths, or names of groups of ``repository/protected_groups.py``, that may be
    written although they are protected by default."""
    max_files: int = Field(20, ge=1)
    max_lines: int = Field(2_000, ge=1)
    """Lines added and removed, over all files."""


class TestsConfig(BaseModel):
    """The table ``[tests]``: each setting overrides the detected value.

    Commands run in the sandbox, without a network.
    """

    __test__ = False
    model_config = ConfigDict(frozen=True, extra="forbid")

    runner: Runner | None = Field(None, description="the test runner")
    command: tuple[str, ...] = Field(
        (),
        description=(
            "a program to run instead, with its arguments; it writes JUnit XML to {report}, and"
            " {tests} is replaced by the tests to run"
        ),
    )
    python: str | None = Field(
        None, pattern=r"^3\.\d{1,2}$", description="the interpreter, such as 3.11"
    )
    node: str | None = Field(
        None,
        pattern=r"^\d{1,2}$",
        description="the lowest major version of Node.js, such as 24",
    )
    requirements: tuple[str, ...] = Field(
        (), description="packages that the tests need in addition to the detected ones"
    )
    extras: tuple[str, ...] = Field((), description="extras of the repository's own package")
    files: tuple[str, ...] = Field(
        (), description="patterns of test files: of names, or of paths with a slash"
    )
    folders: tuple[str, ...] = Field(
        (), max_length=12, description="folders of the projects to test, the first is installed"
    )
    settings: str | None = Field(
        None, pattern=r"^\w+(\.\w+)*$", description="the module of Django's settings for the tests"
    )
    environment: dict[str, str] = Field({}, description="variables for the tests; never a secret")

    @field_validator("environment")
    @classmethod
    def _check_environment(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not _VARIABLE.fullmatch(name) or "\0" in text:
                raise ValueError(f"{name!r} can't be set to {text!r}")
        return value

    @field_validator("command")
    @classmethod
    def _check_command(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            if "\0" in word:
                raise ValueError(f"{word!r} can't be given to a program")
        return value

    @field_validator("folders")
    @classmethod
    def _check_folders(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        folders: list[str] = []
        for folder in value:
            parts = [part for part in folder.split("/") if part not in ("", ".")]
            if ".." in parts or folder.startswith("/"):
                raise ValueError(f"{folder!r} is not a folder of the repository")
            folders.append("/".join(parts))
        return tuple(folders)

    @field_validator("requirements")
    @classmethod
    def _check_requirements(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            try:
                requirement = Requirement(line)
            except InvalidRequirement as error:
                raise ValueError(f"{line!r} is not a requirement: {error}") from error
            if requirement.url:
                raise ValueError(f"{line!r}: a URL can't be installed, only a name with a version")
        return value


class RepositoryConfig(BaseModel):
    """The content of ``.coding-agent.toml``."""

    model_config = ConfigDict(frozen=True)

    edits: EditRules = EditRules()
    tests: TestsConfig = TestsConfig()


def read_enabled(text: str | None) -> bool | None:
    """Return whether the repository invites this service (True) or wants none of its work (False);
    None if it says nothing.

    Raises:
        ConfigError: the text is not TOML, the value is neither, or it stands in a table.
    """
    document = _read_document(text)
    for table in ("edits", "tests"):
        content = document.get(table)
        if isinstance(content, dict) and "enabled" in content:
            raise ConfigError(f"{CONFIG}: enabled must stand before the tables, not in [{table}]")
    value = document.get("enabled")
    if value is None or isinstance(value, bool):
        return value
    raise ConfigError(f"{CONFIG}: enabled must be true or false")


def read_edit_rules(text: str | None) -> EditRules:
    """Return the table ``[edits]``, or the defaults if there is no file or no such table.

    Raises:
        ConfigError: the text is not TOML, or the table is invalid.
    """
    return _read_table(text, "edits").edits


def read_tests_config(text: str | None) -> TestsConfig:
    """Return the table ``[tests]``, or the defaults if there is no file or no such table.

    Raises:
        ConfigError: the text is not TOML, or the table is invalid.
    """
    return _read_table(text, "tests").tests


def _read_table(text: str | None, table: Literal["edits", "tests"]) -> RepositoryConfig:
    """Return the configuration with one table read; the other has its defaults."""
    document = _read_document(text)
    content: dict[str, Any] = {}
    if table in document:
        content[table] = document[table]
    try:
        return RepositoryConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_describe(error, table)) from error


def _read_document(text: str | None) -> dict[str, Any]:
    try:
        return read_toml(text or "")
    except ValueError as error:
        raise ConfigError(f"{CONFIG} is not TOML: {error}") from error


def _describe(error: ValidationError, table: Literal["edits", "tests"]) -> str:
    """Return one line about the first error: the table, the setting and the problem."""
    first = error.errors()[0]
    setting = ".".join(str(part) for part in first["loc"][1:])
    message = f"{CONFIG}, [{table}] {setting}".rstrip() + f": {first['msg']}"
    if first["type"] == "extra_forbidden":
        model = EditRules if table == "edits" else TestsConfig
        message += f"; known: {', '.join(model.model_fields)}"
    return message
