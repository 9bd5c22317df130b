"""The parts of a job that its sender may choose, and their checks."""

import re
from datetime import datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

MAX_METADATA_BYTES = 32_000
#: As many as GitHub accepts for a pull request.
MAX_LABELS = 100
MAX_REVIEWERS = 15
JOB_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
#: A login, also of an enterprise's managed user (``_CODE`` at its end) and of an App (``[bot]``).
LOGIN = r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}(?:_[A-Za-z0-9]{1,38})?(?:\[bot\])?$"
TOPIC_ARN = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$"
EXAMPLE_TIME = "2026-11-30T09:00:00Z"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})")
"""RFC 3339's date-time (https://www.rfc-editor.org/rfc/rfc3339#section-5.6)."""


class Strict(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(Strict):
    """Limits on what a run may use. They can only lower the deployment's limits."""

    max_cost_usd: float | None = Field(None, gt=0, le=10_000, description="US dollars")
    max_minutes: float | None = Field(
        None, gt=0, le=600, description="minutes of work, waiting left out"
    )
    max_rounds: int | None = Field(
        None, ge=1, le=100, description="passes through propose, apply, test"
    )


class Options(Strict):
    """The options of a job that fixes an issue."""

    draft: bool = Field(False, description="open the pull request as a draft")
    dry_run: bool = Field(False, description="find a fix and keep it as an artifact; push nothing")
    allow_second_pull_request: bool = Field(
        False, description="work on the issue although an open pull request for it exists"
    )
    labels: tuple[Annotated[str, StringConstraints(min_length=1, max_length=50)], ...] = Field(
        (), max_length=MAX_LABELS
    )
    reviewers: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,39}$")], ...] = (
        Field((), max_length=MAX_REVIEWERS)
    )
    model: str | None = Field(
        None, max_length=200, description="a model of the deployment's allow-list"
    )


class ReviewOptions(Strict):
    """The options of a job that addresses a review."""

    dry_run: bool = Field(
        False, description="keep the change as an artifact; push nothing and reply to nobody"
    )
    model: str | None = Field(
        None, max_length=200, description="a model of the deployment's allow-list"
    )


class Replay(Strict):
    """Run the job again on purpose: each replay id starts one generation."""

    id: str = Field(min_length=1, max_length=128)
    from_stage: str | None = Field(
        None, max_length=50, description="earlier stages keep their results"
    )
    template_set: str | None = Field(
        None, pattern=r"^[0-9a-f]{8,64}$", description="hash of a published set of templates"
    )
    model: str | None = Field(None, max_length=200)


def _check_size(metadata: dict[str, str]) -> dict[str, str]:
    size = 0
    for key, value in metadata.items():
        size += len(key.encode()) + len(value.encode())
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"metadata may have at most {MAX_METADATA_BYTES} bytes")
    return metadata


Metadata = Annotated[dict[str, str], AfterValidator(_check_size)]


def _check_time(value: object) -> object:
    """Refuse what pydantic would also read as a time: numbers, dates, times without an offset."""
    if isinstance(value, datetime) or (isinstance(value, str) and _TIME.fullmatch(value)):
        return value
    raise ValueError(f"{str(value)[:40]!r} is not a time with an offset, such as {EXAMPLE_TIME}")


Time = Annotated[AwareDatetime, BeforeValidator(_check_time)]
