"""A stage's result may lower what the run may spend."""

from pathlib import Path

import pytest

from pipeline.budget import EffectiveLimits
from pipeline.engine.engine import Ended
from pipeline.outcome import Outcome
from pipeline.stage import RunContext
from tests.stand_ins.runs import Answer, Bench, Fetched, Proposed, reply


class Limited(Fetched):
    usd: float

    def money_limit(self) -> float:
        return self.usd


async def propose(run: RunContext) -> Answer:
    """Propose what the run may spend."""

    async def call() -> object:
        return reply()

    await run.ledger.buy("k", model="m", worst_usd=0.5, call=call)  # type: ignore[arg-type]
    return Proposed(text=f"{run.limits.max_cost_usd:.2f}")


@pytest.mark.parametrize(("usd", "expected"), [(0.75, "0.75"), (50.0, "1.00")])
async def test_the_lower_of_both_limits_holds(tmp_path: Path, usd: float, expected: str) -> None:
    bench = Bench(tmp_path, limits=EffectiveLimits(1.0, 30.0, 1))
    bench.does("fetch", lambda run: Limited(title="a title", usd=usd))
    bench.does("propose", propose)
    answer = await bench.engine.execute(bench.claim())
    assert isinstance(answer, Ended)
    assert answer.result.artifacts["patch"].endswith(expected)


async def test_no_call_may_cost_more_than_the_limit(tmp_path: Path) -> None:
    bench = Bench(tmp_path, limits=EffectiveLimits(1.0, 30.0, 1))
    bench.does("fetch", lambda run: Limited(title="a title", usd=0.25))
    bench.does("propose", propose)
    answer = await bench.engine.execute(bench.claim())
    assert isinstance(answer, Ended)
    assert answer.result.outcome is Outcome.BUDGET_EXHAUSTED
