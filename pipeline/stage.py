"""The contract of a stage, its possible results, and the Pipeline, which checks that stages fit
together.
"""

import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, Union, runtime_checkable

from pydantic import BaseModel, ConfigDict

from pipeline.budget import Budget, EffectiveLimits
from pipeline.job import AddressReviewJob, FixIssueJob, Job
from pipeline.leased_run import LeasedRun, fingerprint
from pipeline.model.ledger import Ledger
from pipeline.outcome import Facts, Outcome
from pipeline.store.contract import Effect, Round
from pipeline.telemetry.spans import Attributes, Span, Tracer


class RoundNote(BaseModel):
    """Data that a stage that opens a round leaves for later stages, in addition to the reason.

    A stage that has more to say derives a model from this one, and a stage that reads the note
    names that model: see ``RunContext.notes``.
    """

    model_config = ConfigDict(frozen=True)

    facts: Facts = Facts()
    """Facts about the run, valid until later ones replace them."""
    summary: str = ""
    """The reason in a sentence for a person, which may hold names from the repository; empty if the
    first line of the reason says it."""


NoteT = TypeVar("NoteT", bound=RoundNote)
ResourceT = TypeVar("ResourceT")
#: ``report(kind, text)`` receives what a stage says about its progress.
Report = Callable[[Literal["note", "status"], str], None]


@dataclass(frozen=True)
class Observers:
    """Who is told what a stage does."""

    report: Report
    """Receives short descriptions of its progress."""
    tracer: Tracer


@dataclass(frozen=True)
class LocalResources:
    """What a delivery has on this machine for as long as it works on the run."""

    workspace: Path
    held: ExitStack
    """Contexts that are left when its work ends."""


@dataclass(frozen=True)
class Back:
    """Another round: stages run again, starting at ``to``, with ``because`` as ``run.feedback``.

    ``because`` is shown to a model as the words of this service: frame in it what a repository, an
    issue or a model wrote (``prompts.filters.fenced`` and ``code``).
    """

    to: str
    because: str
    note: RoundNote = field(default_factory=RoundNote)


@dataclass(frozen=True)
class Stop:
    """The run ends with this outcome. ``reason`` is one sentence for a person."""

    outcome: Outcome
    reason: str
    facts: Facts = field(default_factory=Facts)


class RunContext:
    """A stage's access to the run that it is part of.

    Attributes:
        job: the sender's job.
        stage: name of the stage.
        rounds: the rounds opened so far, oldest first, each with its reason. Round 1 is never
            opened, so the first one here is round 2.
    """

    def __init__(
        self,
        run: LeasedRun,
        job: Job,
        *,
        stage: str,
        rounds: Sequence[Round],
        budget: Budget,
        local: LocalResources,
        observers: Observers,
    ):
        self.job = job
        self.stage = stage
        self.rounds = tuple(rounds)
        self._workspace = local.workspace
        self._run = run
        self._budget = budget
        self._report = observers.report
        self._tracer = observers.tracer
        self._held = local.held

    @property
    def workspace(self) -> Path:
        """A folder of this run on this machine, which is made when it is first asked for. It is
        empty when a new delivery begins: see ``Restorable``.
        """
        # Not readable for others, since other repositories' runs are on the same machine.
        self._workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._workspace

    @property
    def fix_job(self) -> FixIssueJob:
        """The job, in a stage that only runs for jobs of this type. Raises TypeError otherwise."""
        if not isinstance(self.job, FixIssueJob):
            raise TypeError(f"stage {self.stage!r} is for jobs that fix an issue")
        return self.job

    @property
    def review_job(self) -> AddressReviewJob:
        """The job, in a stage that only runs for jobs of this type. Raises TypeError otherwise."""
        if not isinstance(self.job, AddressReviewJob):
            raise TypeError(f"stage {self.stage!r} is for jobs that address a review")
        return self.job

    @property
    def job_id(self) -> str:
        return self._run.key.job_id

    @property
    def generation(self) -> int:
        return self._run.key.generation

    @property
    def round(self) -> int:
        """Number of the current round; the first is 1."""
        return self.rounds[-1].number if self.rounds else 1

    @property
    def feedback(self) -> str | None:
        """The reason why this round was opened; None in the first."""
        return self.rounds[-1].because if self.rounds else None

    @property
    def limits(self) -> EffectiveLimits:
        return self._budget.limits

    @property
    def ledger(self) -> Ledger:
        """The run's money, which is reserved before it is spent."""
        return self._budget.ledger

    def seconds_left(self) -> float:
        """Return how many seconds of work the run's limits still allow."""
        return self._budget.stopwatch.left

    def notes(self, kind: type[NoteT]) -> list[NoteT]:
        """Return the notes of ``rounds``, in the same order, read as ``kind``."""
        return [kind.model_validate(opened.note) for opened in self.rounds]

    def progress(self, text: str) -> None:
        """Tell people in a few words what the stage is doing."""
        self._report("note", text)

    def status(self, text: str) -> None:
        """Tell people who watch how far the stage is; each status replaces the one before."""
        self._report("status", text)

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """Return a context that is recorded as a part of the stage: see ``Tracer.span``."""
        return self._tracer.span(name, attributes)

    def hold(self, resource: AbstractContextManager[ResourceT]) -> ResourceT:
        """Enter a context that is left when this delivery's work on the run ends.

        Use it for what later stages need on this machine; it is entered again when the stage is
        restored.
        """
        return self._held.enter_context(resource)

    async def save(self, name: str, data: bytes | str) -> str:
        """Store an artifact and return its key."""
        body = data.encode(errors="replace") if isinstance(data, str) else data
        folder = f"{self._run.key.prefix}/{self.round}/{self.stage}"
        key = f"{folder}/{fingerprint(body)}-{name}"
        await self._run.put_artifact(key, body)
        return key

    async def load(self, key: str) -> bytes:
        """Return an artifact. Raises FileNotFoundError if it does not exist."""
        return await self._run.get_artifact(key)

    async def remember(self, name: str, make: Callable[[], Awaitable[str]]) -> str:
        """Return the text that the run stored under ``name``; the first time, make and store it.

        Later deliveries get the same text on any machine. Use it for choices, and for data that
        can't be reproduced exactly, such as a command's output that a model has seen.
        """
        return await self._run.remember(name, make)

    async def state_facts(self, facts: Facts) -> None:
        """Store facts that hold for the run even if it ends within this stage.

        Those of the stage's first execution are kept. The facts of results replace them.
        """
        await self._run.state_facts(self.stage, facts)

    async def intend(self, effect: str, intention: dict[str, Any]) -> dict[str, Any]:
        """Store the intention of an effect on the outside world, before carrying it out.

        Returns:
            The intention to carry out: if this run has stored one earlier, that one.
        """
        return await self._run.intend(effect, intention)

    async def claim_issue(self) -> str | None:
        """Make this job the one that may open a pull request for its issue, so that of two jobs at
        the same time only one does.

        Returns:
            None, or the id of another job whose unfinished run may do so.
        """
        return await self._run.claim_issue()

    async def has_intended(self, effect: str) -> bool:
        """Return whether this run has stored an intention of the effect, perhaps in an earlier
        delivery.
        """
        return await self._run.has_intended(effect)

    async def record(self, effect: str, result: dict[str, Any]) -> None:
        """Store the result of an intended effect that was carried out."""
        await self._run.record(effect, result)

    async def intentions(self, effect: str) -> list[dict[str, Any]]:
        """Return the intentions of this effect in every generation of the job, oldest first."""
        effects = await self._run.effects()
        return [stored.intention for stored in effects if stored.name == effect]


@runtime_checkable
class Stage(Protocol):
    """One step of the pipeline: a name and one ``async run``.

    The parameter types of ``run`` are the results that it needs. Its return type is the result that
    it gives (a pydantic model), apart from Back and Stop.
    """

    name: str

    @property
    def run(self) -> Callable[..., Awaitable[Any]]: ...


@runtime_checkable
class Restorable(Protocol):
    """A stage that leaves local state."""

    async def restore(self, result: Any, run: RunContext) -> None:
        """Rebuild the local state from the result, on any machine, without repeating the stage."""
        ...


@runtime_checkable
class HasFacts(Protocol):
    """A stage's result that contributes to the run's result."""

    def facts(self) -> Facts: ...


@runtime_checkable
class HasMoneyLimit(Protocol):
    """A stage's result that lowers what the run may spend."""

    def money_limit(self) -> float:
        """Return the most that the whole run may spend, in US dollars, if its own limit is not
        lower.
        """
        ...


@runtime_checkable
class HasEffects(Protocol):
    """A stage that changes the outside world."""

    def effect_facts(self, effects: Sequence[Effect]) -> Facts:
        """Return what these stored effects of a run left outside, even if the run failed later."""
        ...


@runtime_checkable
class Concludes(Protocol):
    """A last stage that also acts if a run ends before it."""

    async def conclude(self, stop: Stop, run: RunContext) -> None:
        """Do what is left to do outside. Like ``run``, it may be repeated by another delivery."""
        ...


class PipelineError(TypeError):
    """The stages do not fit together. Raised when the pipeline is built, not when it runs."""


@dataclass(frozen=True)
class Step:
    """A stage with the types that it needs and gives."""

    stage: Stage
    needs: dict[str, type[BaseModel]]
    """Parameter -> type."""
    gives: type[BaseModel] | None
    """None if the stage always stops the run."""

    @property
    def name(self) -> str:
        return self.stage.name

    @classmethod
    def of(cls, stage: Stage) -> "Step":
        """Read the needs and the result's type from the annotations of ``run``.

        Raises:
            PipelineError: the annotations are not a stage's.
        """
        return cls(stage, _needs(type(stage)), result_type(type(stage)))


class Pipeline:
    """The stages in order.

    After the stage ``admitted_after``, a run can no longer be rejected, and ``run.started`` is
    published.
    """

    def __init__(self, stages: Sequence[Stage], *, admitted_after: str):
        """Build the pipeline.

        Raises:
            PipelineError: they do not fit together.
        """
        self.steps = [Step.of(stage) for stage in stages]
        self.admitted_after = admitted_after
        self._check_names()
        self._check_needs()
        self._check_end()

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]

    @property
    def result_types(self) -> dict[str, type[BaseModel]]:
        """The type of each stage's result, by the stage's name. The last stage has none."""
        return {step.name: step.gives for step in self.steps if step.gives is not None}

    def index(self, name: str) -> int:
        return self.names.index(name)

    def _check_names(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise PipelineError(f"two stages share a name: {self.names}")
        if self.admitted_after not in self.names:
            raise PipelineError(f"admitted_after names no stage: {self.admitted_after!r}")

    def _check_needs(self) -> None:
        """Check that every need is given by exactly one earlier stage."""
        available: set[type[BaseModel]] = set()
        for step in self.steps:
            for parameter, kind in step.needs.items():
                if kind not in available:
                    raise PipelineError(
                        f"stage {step.name!r} needs {parameter}: {kind.__name__}, which no earlier"
                        " stage gives"
                    )
            if step.gives is None:
                continue
            if step.gives in available:
                raise PipelineError(f"stage {step.name!r} gives {step.gives.__name__} again")
            available.add(step.gives)

    def _check_end(self) -> None:
        """Check that the last stage, and no other, always stops the run."""
        *earlier, last = self.steps
        if last.gives is not None:
            raise PipelineError("the last stage must end the run: its run() must return only Stop")
        for step in earlier:
            if step.gives is None:
                raise PipelineError(
                    f"stage {step.name!r} gives nothing, so no later stage would run"
                )


def _needs(stage: type[Stage]) -> dict[str, type[BaseModel]]:
    """Return the parameters of ``run`` and their types, except self and the RunContext."""
    hints = typing.get_type_hints(stage.run)
    if hints.get("run") is not RunContext:
        raise PipelineError(f"stage {stage.name!r}: run() must take run: RunContext")
    needs: dict[str, type[BaseModel]] = {}
    for parameter in inspect.signature(stage.run).parameters:
        if parameter in ("self", "run"):
            continue
        kind = hints.get(parameter)
        if not _is_model(kind):
            raise PipelineError(
                f"stage {stage.name!r}: parameter {parameter!r} must be typed with a pydantic model"
            )
        needs[parameter] = kind
    return needs


def result_type(stage: type[Stage]) -> type[BaseModel] | None:
    """Return the type that a stage gives; None if its ``run`` always stops.

    Raises:
        PipelineError: the annotation of ``run`` names no such type, or several.
    """
    returned = typing.get_type_hints(stage.run).get("return")
    is_union = isinstance(returned, types.UnionType) or typing.get_origin(returned) is Union
    options = typing.get_args(returned) if is_union else (returned,)
    if set(options) == {Stop}:
        return None
    models = [option for option in options if option not in (Back, Stop)]
    if len(models) == 1 and _is_model(models[0]):
        return models[0]
    raise PipelineError(
        f"stage {stage.name!r} must return one pydantic model, with Back or Stop beside it, or"
        f" only Stop, not {returned!r}"
    )


def _is_model(kind: Any) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
