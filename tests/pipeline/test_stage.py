from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.outcome import Outcome
from pipeline.stage import Back, Pipeline, PipelineError, RunContext, Stop


class A(BaseModel):
    a: int = 1


class B(BaseModel):
    b: int = 1


class Gives:
    name = "gives"

    async def run(self, run: RunContext) -> A | Stop:
        return A()


class Turns:
    name = "turns"

    async def run(self, given: A, run: RunContext) -> B | Back | Stop:
        return B()


class Ends:
    name = "ends"

    async def run(self, first: A, second: B, run: RunContext) -> Stop:
        return Stop(Outcome.NO_FIX, "a reason")


def test_stages_that_fit_together_are_composed():
    pipeline = Pipeline([Gives(), Turns(), Ends()], admitted_after="turns")
    assert pipeline.names == ["gives", "turns", "ends"]
    assert [(step.needs, step.gives) for step in pipeline.steps] == [
        ({}, A),
        ({"given": A}, B),
        ({"first": A, "second": B}, None),
    ]
    assert pipeline.index("turns") == 1


def refusal(*stages: Any, admitted_after: str = "gives") -> str:
    with pytest.raises(PipelineError) as caught:
        Pipeline(stages, admitted_after=admitted_after)
    return str(caught.value)


def test_a_need_that_no_earlier_stage_meets_is_refused():
    assert (
        refusal(Gives(), Ends(), Turns())
        == "stage 'ends' needs second: B, which no earlier stage gives"
    )
    assert "needs given: A" in refusal(Turns(), Gives(), Ends())


def test_names_are_unique():
    assert "share a name" in refusal(Gives(), Gives(), Ends())


def test_two_stages_may_not_return_the_same_type():
    class Again(Gives):
        name = "again"

    assert refusal(Gives(), Again(), Ends()) == "stage 'again' gives A again"


def test_only_the_last_stage_has_no_result():
    assert "the last stage must end the run" in refusal(Gives(), Turns())

    class Early:
        name = "early"

        async def run(self, run: RunContext) -> Stop:
            raise AssertionError

    assert "no later stage would run" in refusal(Early(), Gives(), Turns(), Ends())


def test_the_last_stage_may_not_go_back():
    class Undecided:
        name = "undecided"

        async def run(self, run: RunContext) -> Stop | Back:
            raise AssertionError

    assert "or only Stop" in refusal(Gives(), Undecided())


def test_admitted_after_must_name_a_stage():
    assert "admitted_after names no stage: 'x'" in refusal(
        Gives(), Turns(), Ends(), admitted_after="x"
    )


def test_needs_and_results_must_be_annotated():
    class NoRun:
        name = "no_run"

        async def run(self) -> A:
            raise AssertionError

    class Misnamed:
        name = "misnamed"

        async def run(self, context: RunContext) -> A:
            raise AssertionError

    class Untyped:
        name = "untyped"

        async def run(self, given, run: RunContext) -> A:  # type: ignore[no-untyped-def]
            raise AssertionError

    class Plain:
        name = "plain"

        async def run(self, given: dict[str, str], run: RunContext) -> A:
            raise AssertionError

    class Silent:
        name = "silent"

        async def run(self, run: RunContext):  # type: ignore[no-untyped-def]
            raise AssertionError

    class Twofold:
        name = "twofold"

        async def run(self, run: RunContext) -> A | B:
            raise AssertionError

    class Optional:
        name = "optional"

        async def run(self, run: RunContext) -> A | None:
            raise AssertionError

    for stage in (NoRun(), Misnamed()):
        assert "run() must take run: RunContext" in refusal(stage)
    for stage in (Untyped(), Plain()):
        assert "parameter 'given' must be typed with a pydantic model" in refusal(stage)
    for stage in (Silent(), Twofold(), Optional()):
        assert "must return one pydantic model" in refusal(stage)
