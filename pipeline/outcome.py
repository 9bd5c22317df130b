"""A run's outcome, its result, and its two events."""

import json
import uuid
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from pipeline.message_text import replace_refused
from pipeline.run_key import RunKey

#: The name of a run's page among its artifacts.
PAGE = "page"
#: Maximum characters of the reason in an event that only points to its data.
MAX_REASON = 2000

_NAMESPACE = uuid.UUID("2f1c6a0e-3b57-5b7d-8a43-6d1a8f0b9c55")


class Outcome(StrEnum):
    """How a run ended. Only ``failed`` sends the message to the dead-letter queue."""

    PR_OPENED = "pr_opened"
    PR_UPDATED = "pr_updated"
    NO_FIX = "no_fix"
    PROPOSED = "proposed"
    NO_CHANGE_NEEDED = "no_change_needed"
    NEEDS_INFO = "needs_info"
    REJECTED = "rejected"
    BUDGET_EXHAUSTED = "budget_exhausted"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_success(self) -> bool:
        """Whether the run did what its job asks for, as far as that was needed."""
        return self in _SUCCESSES


_SUCCESSES = (
    Outcome.PR_OPENED,
    Outcome.PR_UPDATED,
    Outcome.PROPOSED,
    Outcome.NO_CHANGE_NEEDED,
)


class Verification(StrEnum):
    """What the tests proved, in the words of both the pull request and the event."""

    RED_TO_GREEN = "red to green"
    SUITE_PASSES = "suite passes"
    NOT_VERIFIED = "not verified"


class EventType(StrEnum):
    STARTED = "run.started"
    FINISHED = "run.finished"


class Facts(BaseModel):
    """A stage's contribution to the run's result. Facts from later stages win."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verification: Verification | None = None
    pull_request_url: str | None = None
    pull_request_number: int | None = None
    branch: str | None = None
    base_sha: str | None = None
    strategy: str | None = None
    template_set: str | None = None
    templates: dict[str, str] = Field(default_factory=dict, description="name -> hash")
    artifacts: dict[str, str] = Field(default_factory=dict, description="name -> artifact key")

    def merged(self, later: "Facts") -> "Facts":
        """Return these facts, overridden by the later ones."""
        update = {name: value for name, value in later if value is not None}
        update["templates"] = {**self.templates, **later.templates}
        update["artifacts"] = {**self.artifacts, **later.artifacts}
        return self.model_copy(update=update)


class RunResult(BaseModel):
    """How a run ended; the ``data`` of ``run.finished``, flat."""

    model_config = ConfigDict(extra="forbid")

    job_id: str
    generation: int
    issue_url: str
    repository: str
    outcome: Outcome
    reason: str = Field(description="one sentence for a person")
    verification: Verification | None = None
    pull_request_url: str | None = None
    pull_request_number: int | None = None
    branch: str | None = None
    base_sha: str | None = None
    rounds: int = 0
    cost_usd: float = Field(
        0.0, description="US dollars, calls that were cut counted at their reservation"
    )
    seconds: float = Field(0.0, description="seconds of work over all deliveries, waiting left out")
    model: str | None = Field(
        None, description="the model that the run spent most on; null if none answered"
    )
    strategy: str | None = Field(
        None, description="agent or single; null if the run rendered no prompt"
    )
    template_set: str | None = Field(
        None, description="hash of the set of templates; null if the run rendered no prompt"
    )
    templates: dict[str, str] = Field(
        default_factory=dict, description="template -> hash, of those that were used"
    )
    metadata: dict[str, str] = Field(default_factory=dict)
    artifacts: dict[str, str] = Field(
        default_factory=dict,
        description="name -> address; page is the run's page, one HTML file with all of it",
    )
    trace: str = Field(description="finds this run in logs")

    @property
    def own_pull_request_number(self) -> int | None:
        """The pull request that the run worked on: a rejected run names the one that it met."""
        if self.outcome == Outcome.REJECTED:
            return None
        return self.pull_request_number

    def pointing_to(self, address: str) -> "RunResult":
        """Return a small result that points to the full one, which is too large to send."""
        artifacts = {"result": address}
        if PAGE in self.artifacts:
            artifacts[PAGE] = self.artifacts[PAGE]
        update = {
            "reason": self.reason[:MAX_REASON],
            "metadata": {},
            "artifacts": artifacts,
        }
        return self.model_copy(update=update)


class RunStarted(BaseModel):
    """The ``data`` of ``run.started``: the run was not rejected, and may now cost money."""

    model_config = ConfigDict(extra="forbid")

    job_id: str
    generation: int
    issue_url: str
    repository: str
    base_sha: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    trace: str


def event_id(run: RunKey, kind: EventType) -> str:
    """Return the id of a run's event of this kind, which is the same however often it is made."""
    key = json.dumps([run.job_id, run.generation, kind.value])
    return str(uuid.uuid5(_NAMESPACE, key))


class Event(BaseModel):
    """A CloudEvents 1.0 event in structured JSON
    (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
    """

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(
        description="UUIDv5 of (job_id, generation, type): publishing twice is harmless"
    )
    source: str = "/coding-agent"
    type: EventType
    subject: str = Field(description="job_id/generation")
    time: str = Field(description="RFC 3339, UTC")
    datacontenttype: Literal["application/json"] = "application/json"
    dataref: str | None = Field(
        None,
        description=(
            "only with an event over 200 KB: the address of all of its data, as JSON; data then"
            " holds the small part"
        ),
    )
    traceparent: str | None = Field(
        None,
        description=(
            "only if the job came with one, or the worker records traces: the run's place in its"
            " trace (CloudEvents' distributed tracing extension)"
        ),
    )
    data: RunResult | RunStarted

    @classmethod
    def about(
        cls, data: RunResult | RunStarted, time: str, traceparent: str | None = None
    ) -> "Event":
        """Return the event of a run's start or end; ``time`` is RFC 3339.

        ``traceparent``: https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md
        """
        kind = EventType.FINISHED if isinstance(data, RunResult) else EventType.STARTED
        run = RunKey(data.job_id, data.generation)
        return cls(
            id=event_id(run, kind),
            type=kind,
            subject=run.prefix,
            time=time,
            traceparent=traceparent,
            data=data,
        )

    @model_serializer(mode="wrap")
    def _without_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit an extension that is not set: CloudEvents has no null."""
        fields: dict[str, Any] = handler(self)
        for extension in ("dataref", "traceparent"):
            if fields.get(extension) is None:
                fields.pop(extension, None)
        return fields

    @property
    def attributes(self) -> dict[str, str]:
        """SNS message attributes, for subscribers' filters."""
        # A local folder's name may have any character.
        repository = replace_refused(self.data.repository)
        attributes = {"type": self.type.value, "repository": repository}
        if isinstance(self.data, RunResult):
            attributes["outcome"] = self.data.outcome.value
        if self.traceparent is not None:
            attributes["traceparent"] = self.traceparent
        return attributes
