"""What the result of a run says of the model, the strategy and the template set that it used."""

from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.engine.engine import Ended
from pipeline.errors import Halt
from pipeline.job import FixIssueJob
from pipeline.model import ModelReply
from pipeline.model.failures import Failure, ModelError
from pipeline.outcome import Facts, Outcome, RunResult
from pipeline.stage import RunContext, Stop
from tests.stand_ins.runs import Answer, Bench, Does, Proposed, job, reply


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def run_to_end(bench: Bench, requested: FixIssueJob | None = None) -> RunResult:
    answer = await bench.engine.execute(bench.claim(requested))
    assert isinstance(answer, Ended), answer
    return answer.result


def buys(*prices: tuple[str, float]) -> Does:
    """Let a stage buy a reply for each (model, US dollars)."""

    async def buy(run: RunContext) -> Answer:
        for number, (model, usd) in enumerate(prices):

            async def call(usd: float = usd) -> ModelReply:
                return reply(cost_usd=usd)

            await run.ledger.buy(f"call-{number}", model=model, worst_usd=0.2, call=call)
        return Proposed(text="patch")

    return buy


async def test_facts_that_a_stage_stated_hold_for_a_run_that_ends_within_it(bench: Bench) -> None:
    async def run_out_of_money(run: RunContext) -> Answer:
        await run.state_facts(Facts(strategy="single", template_set="s" * 64))
        raise Halt(Outcome.BUDGET_EXHAUSTED, "all spent")

    bench.does("propose", run_out_of_money)
    result = await run_to_end(bench)
    assert (result.strategy, result.template_set) == ("single", "s" * 64)


async def test_the_model_of_a_run_is_the_one_that_it_spent_most_on(bench: Bench) -> None:
    bench.does("propose", buys(("small", 0.01), ("large", 0.05), ("small", 0.02)))
    assert (await run_to_end(bench)).model == "large"


async def test_of_models_without_a_price_the_one_with_the_most_calls_counts(bench: Bench) -> None:
    bench.does("propose", buys(("first", 0.0), ("second", 0.0), ("second", 0.0)))
    assert (await run_to_end(bench, job(43))).model == "second"


async def test_a_run_that_no_model_answered_has_no_model(bench: Bench) -> None:
    async def refused(run: RunContext) -> Answer:
        async def call() -> ModelReply:
            raise ModelError(Failure.KEY, "no", charged=False)

        with suppress(ModelError):
            await run.ledger.buy("call", model="m", worst_usd=0.2, call=call)
        return Stop(Outcome.NO_FIX, "nothing was proposed")

    bench.does("propose", refused)
    assert (await run_to_end(bench)).model is None
