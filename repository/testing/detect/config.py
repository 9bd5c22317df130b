"""What a repository says of its own tests: the table ``[tests]`` of its ``.coding-agent.toml``."""

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from repository.testing.models import Runner
from repository.toml import CONFIG, read_toml


class TestsConfig(BaseModel):
    """Each setting takes the place of what would be found out; commands run in the sandbox, without
    a network.
    """

    __test__ = False
    model_config = ConfigDict(extra="forbid", frozen=True)

    runner: Runner | None = Field(None, description="what runs the tests")
    command: tuple[str, ...] = Field(
        (),
        description=(
            "a program instead, with its arguments; it leaves JUnit XML at {report}, tests stand"
            " for {tests}"
        ),
    )
    python: str | None = Field(
        None, pattern=r"^3\.\d{1,2}$", description="the interpreter, such as 3.11"
    )
    requirements: tuple[str, ...] = Field(
        (), description="packages that the tests need beside what is found"
    )
    extras: tuple[str, ...] = Field((), description="extras of the repository's own package")
    files: tuple[str, ...] = Field(
        (), description="patterns of test files: of names, or of paths with a slash"
    )
    environment: dict[str, str] = Field({}, description="variables for the tests; never a secret")

    @field_validator("requirements")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            try:
                needed = Requirement(line)
            except InvalidRequirement as error:
                raise ValueError(f"{line!r} is no requirement: {error}") from error
            if needed.url:
                raise ValueError(
                    f"{line!r}: an address can't be installed, only a name with a version"
                )
        return value


def read_config(text: str) -> TestsConfig:
    """Raises ValueError with one line: where, what, how to mend it."""
    try:
        document = read_toml(text)
    except ValueError as error:
        raise ValueError(f"{CONFIG} is no TOML: {error}") from error
    try:
        return TestsConfig.model_validate(document.get("tests", {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "tests"
        known = (
            f"; known: {', '.join(TestsConfig.model_fields)}"
            if first["type"] == "extra_forbidden"
            else ""
        )
        raise ValueError(f"{CONFIG}, [tests] {where}: {first['msg']}{known}") from error
