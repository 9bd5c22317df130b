"""The Stage contract, what a stage may answer, and the Pipeline that checks how stages fit
together.
"""

import inspect
import math
import types
import typing
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Union, runtime_checkable

from pydantic import BaseModel

from pipeline.job import FixIssueJob
from pipeline.model.ledger import Ledger
from pipeline.outcome import Facts, Outcome
from pipeline.store.contract import Round


@dataclass(frozen=True)
class Back:
    """Another round: the stages from ``to`` on run afresh, and read ``because`` as
    ``run.feedback``.
    """

    to: str
    because: str
    note: dict[str, Any] = field(default_factory=dict)
    """JSON that later rounds find in ``run.rounds``. ``facts`` in it (a Facts) are the run's until later ones."""

    @property
    def facts(self) -> Facts:
        return Facts.model_validate(self.note.get("facts", {}))


@dataclass(frozen=True)
class Stop:
    """The run is over, with this outcome. ``reason`` is one sentence for a person."""

    outcome: Outcome
    reason: str
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True)
class EffectiveLimits:
    """A run's limits: what the job asked, under the deployment's ceiling."""

    max_cost_usd: float
    max_minutes: float
    max_rounds: int


async def _made(_: str, make: Callable[[], Awaitable[str]]) -> str:
    return await make()


@dataclass(frozen=True)
class RunContext:
    """What a stage may know of, and ask from, the run it works in."""

    job: FixIssueJob
    job_id: str
    generation: int
    round: int
    stage: str
    feedback: str | None
    """Why the last round was sent back; None in the first."""
    limits: EffectiveLimits
    workspace: Path
    """A folder of this run on this machine. It may be empty at the next delivery: see ``restore``."""
    save: Callable[[str, bytes | str], Awaitable[str]]
    """``await run.save(name, data)`` stores an artifact and gives its key."""
    load: Callable[[str], Awaitable[bytes]]
    """``await run.load(key)`` reads an artifact back."""
    intend: Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
    """``await run.intend(effect, body)`` stores what is about to be done; one stored earlier stands, and is given."""
    record: Callable[[str, dict[str, Any]], Awaitable[None]]
    """``await run.record(effect, result)`` stores that it was done."""
    keep: Callable[[str, Callable[[], str]], Awaitable[str]]
    """``await run.keep(name, choose)``: what ``choose()`` gives (called in a thread), once in this run; what was kept
    then stands, on any machine."""
    past: Callable[[str], Awaitable[list[dict[str, Any]]]]
    """``await run.past(effect)``: the intentions of this effect in every generation of the job, oldest first."""
    progress: Callable[[str], None]
    """Tell a person, in a few words, what goes on."""
    ledger: Ledger = field(repr=False)
    """Where money is reserved before it is spent."""
    rounds: tuple[Round, ...] = ()
    """The rounds that were opened so far, oldest first, with what opened each: the second one is the first here."""
    seconds_left: Callable[[], float] = lambda: math.inf
    """How long the run may still work, by its limits."""
    once: Callable[[str, Callable[[], Awaitable[str]]], Awaitable[str]] = _made
    """``await run.once(name, make)``: what ``make`` gave the first time that this run got to ``name``, on any machine.
    For what can't be made again to the byte, such as a command's output, and has been shown to a model."""


@runtime_checkable
class Stage(Protocol):
    """One step of the pipeline: a name and one ``async run``.

    ``run``'s parameter types are what it needs, its return type what it gives (a pydantic model), beside Back and Stop.
    """

    name: str

    @property
    def run(self) -> Callable[..., Awaitable[Any]]: ...


@runtime_checkable
class Restorable(Protocol):
    """A stage that leaves local state: ``restore`` rebuilds it on any machine and is no second run."""

    async def restore(self, result: Any, run: RunContext) -> None: ...


class PipelineError(TypeError):
    """The stages do not fit together; found when the pipeline is composed, not when it runs."""


@dataclass(frozen=True)
class Step:
    """A stage, with its needs (parameter -> type) and the type it gives (None: it only ever stops)."""

    stage: Stage
    needs: dict[str, type[BaseModel]]
    gives: type[BaseModel] | None

    @property
    def name(self) -> str:
        return self.stage.name


class Pipeline:
    """Stages in order. After ``admitted_after`` a run can no longer be rejected, and
    ``run.started`` is published.
    """

    def __init__(self, stages: Sequence[Stage], *, admitted_after: str):
        self.steps = [_step(stage) for stage in stages]
        self.admitted_after = admitted_after
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise PipelineError(f"two stages share a name: {names}")
        if admitted_after not in names:
            raise PipelineError(f"admitted_after names no stage: {admitted_after!r}")
        given: set[type[BaseModel]] = set()
        for step in self.steps:
            for parameter, kind in step.needs.items():
                if kind not in given:
                    raise PipelineError(
                        f"stage {step.name!r} needs {parameter}: {kind.__name__}, which no earlier"
                        " stage gives"
                    )
            if step.gives in given:
                raise PipelineError(f"stage {step.name!r} gives {step.gives.__name__} again")
            if step.gives is not None:
                given.add(step.gives)
        if not self.steps or self.steps[-1].gives is not None:
            raise PipelineError(
                "the last stage must end the run: its run() returns Stop, and nothing else"
            )
        if early := [step.name for step in self.steps[:-1] if step.gives is None]:
            raise PipelineError(
                f"stage {early[0]!r} gives nothing, so that no stage after it would run"
            )

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.steps]

    def index(self, name: str) -> int:
        return self.names.index(name)


def _step(stage: Stage) -> Step:
    hints = typing.get_type_hints(type(stage).run)
    parameters = [p for p in inspect.signature(type(stage).run).parameters if p != "self"]
    if hints.get("run") is not RunContext:
        raise PipelineError(f"stage {stage.name!r}: run() must take run: RunContext")
    needs: dict[str, type[BaseModel]] = {}
    for parameter in parameters:
        kind = hints.get(parameter)
        if parameter == "run":
            continue
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            raise PipelineError(
                f"stage {stage.name!r}: parameter {parameter!r} must be typed with a pydantic model"
            )
        needs[parameter] = kind
    returned = hints.get("return")
    options = (
        typing.get_args(returned)
        if isinstance(returned, types.UnionType) or typing.get_origin(returned) is Union
        else (returned,)
    )
    if set(options) == {Stop}:
        return Step(stage, needs, None)
    models = [kind for kind in options if kind not in (Back, Stop)]
    if len(models) != 1 or not (isinstance(models[0], type) and issubclass(models[0], BaseModel)):
        raise PipelineError(
            f"stage {stage.name!r} must return one pydantic model, with Back or Stop beside it, or"
            f" Stop alone, not {returned!r}"
        )
    return Step(stage, needs, models[0])
