"""Money: reserved before a call, settled after the reply is stored, never paid twice."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.errors import Halt, LeaseLost, Retry, judge
from pipeline.job import FixIssueJob
from pipeline.leased_run import LeasedRun
from pipeline.model import ModelReply
from pipeline.model.failures import Failure, ModelError
from pipeline.model.ledger import EXHAUSTED_DAY_DELAY, Ledger
from pipeline.outcome import Outcome
from pipeline.policy import Allowed, Policy
from pipeline.run_key import RunKey
from pipeline.store.contract import Claimed, MoneyCaps
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import DAY, LEASE, TOPIC, Clock, claim, job, reply

KEY = "1/propose_patch/0"
CAPS = MoneyCaps(run=1_000_000, repository_day=1_500_000, day=2_000_000)
PATIENCE = 20.0


class Seller:
    """A model that counts what it sells. ``error`` is raised instead of the next reply."""

    def __init__(self, *, cost_usd: float = 0.25):
        self.sold = 0
        self.cost_usd = cost_usd
        self.error: Exception | None = None

    async def __call__(self) -> ModelReply:
        if self.error is not None:
            error = self.error
            self.error = None
            raise error
        self.sold += 1
        return reply(f"reply {self.sold}", self.cost_usd)


class Scenario:
    def __init__(self, folder: Path):
        self.clock = Clock()
        self.seller = Seller()
        self.store = SqliteStore(folder / "store.sqlite", clock=self.clock)
        self.artifacts = FolderArtifacts(folder / "artifacts")
        self.deliver()

    def deliver(self, requested: FixIssueJob | None = None) -> Claimed:
        """Start another delivery, after the last one's lease has ended."""
        self.clock.now += LEASE
        self.held = claim(self.store, requested)
        self.ledger = self.ledger_of(self.held)
        return self.held

    def ledger_of(self, held: Claimed, caps: MoneyCaps = CAPS) -> Ledger:
        return Ledger(LeasedRun(self.store, self.artifacts, held.lease, self.clock), caps)

    async def buy(
        self, key: str = KEY, *, worst_usd: float = 0.5, ledger: Ledger | None = None
    ) -> str:
        bought = await (ledger or self.ledger).buy(
            key, model="m", worst_usd=worst_usd, call=self.seller
        )
        return bought.content

    @property
    def calls(self) -> list[tuple[str, int]]:
        return [
            (call.state, call.micro_usd)
            for call in self.store.calls(RunKey(self.held.run.job_id, 0))
        ]


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    return Scenario(tmp_path)


async def test_a_call_is_reserved_at_its_worst_case_and_settled_at_its_cost(scenario: Scenario):
    during: list[tuple[str, int]] = []

    async def call() -> ModelReply:
        during.extend(scenario.calls)
        return reply(cost_usd=0.25)

    await scenario.ledger.buy(KEY, model="m", worst_usd=0.5, call=call)
    assert during == [("reserved", 500_000)]
    assert scenario.calls == [("settled", 250_000)]
    assert await scenario.ledger.cost_usd() == 0.25
    assert scenario.store.spent(day=DAY, repository="octo/repo") == 250_000


async def test_a_stored_reply_is_never_bought_again(scenario: Scenario):
    assert await scenario.buy() == "reply 1"
    assert await scenario.buy() == "reply 1"
    scenario.deliver()
    assert await scenario.buy() == "reply 1"
    assert (scenario.seller.sold, scenario.calls) == (1, [("settled", 250_000)])


async def test_another_key_is_another_call(scenario: Scenario):
    assert [await scenario.buy("1/propose_patch/0"), await scenario.buy("2/propose_patch/0")] == [
        "reply 1",
        "reply 2",
    ]


async def test_a_stored_but_unsettled_reply_is_settled_not_bought(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
):
    def dies(*_: object, **__: object) -> None:
        raise RuntimeError("the worker dies")

    with monkeypatch.context() as patch:
        patch.setattr(scenario.store, "settle", dies)
        with pytest.raises(RuntimeError, match="dies"):
            await scenario.buy()
    assert scenario.calls == [("reserved", 500_000)]
    scenario.deliver()
    assert await scenario.buy() == "reply 1"
    assert (scenario.seller.sold, scenario.calls) == (1, [("settled", 250_000)])


async def test_a_cut_call_keeps_its_reservation_and_is_repeated(scenario: Scenario):
    scenario.seller.error = ConnectionError("cut")
    with pytest.raises(ConnectionError):
        await scenario.buy()
    assert scenario.calls == [("reserved", 500_000)]
    scenario.deliver()
    assert await scenario.buy() == "reply 1"
    assert scenario.calls == [("cut", 500_000), ("settled", 250_000)]
    assert await scenario.ledger.cost_usd() == 0.75


async def test_a_reply_stored_late_for_a_cut_call_is_used(scenario: Scenario):
    """The worker that lost its lease in the middle of a call still stores what it paid for; nobody
    pays again.
    """
    first = scenario.ledger
    called = asyncio.Event()
    answer = asyncio.Event()

    async def slow() -> ModelReply:
        called.set()
        await answer.wait()
        return reply("late")

    late = asyncio.create_task(first.buy(KEY, model="m", worst_usd=0.3, call=slow))
    await asyncio.wait_for(called.wait(), PATIENCE)
    scenario.deliver()
    scenario.seller.error = ConnectionError("cut")
    with pytest.raises(ConnectionError):
        await scenario.buy(worst_usd=0.3)
    answer.set()
    with pytest.raises(LeaseLost):
        await late
    assert await scenario.buy(worst_usd=0.3) == "late"
    assert scenario.seller.sold == 0
    assert scenario.calls == [("settled", 10_000), ("reserved", 300_000)]


async def test_a_paid_reply_is_stored_despite_a_cancellation(scenario: Scenario):
    storing = threading.Event()
    go_on = threading.Event()
    put = scenario.artifacts.put

    def slow(key: str, data: bytes) -> None:
        storing.set()
        assert go_on.wait(PATIENCE)
        put(key, data)

    scenario.artifacts.put = slow  # type: ignore[method-assign]
    task = asyncio.create_task(scenario.buy())
    assert await asyncio.to_thread(storing.wait, PATIENCE)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scenario.calls == [("settled", 250_000)]
    assert await scenario.buy() == "reply 1" and scenario.seller.sold == 1


async def test_an_uncharged_calls_reservation_is_released(scenario: Scenario):
    scenario.seller.error = ModelError(Failure.REFUSED, "the prompt is too long", charged=False)
    with pytest.raises(ModelError, match="the prompt is too long"):
        await scenario.buy()
    assert scenario.calls == [("released", 0)]
    assert await scenario.buy() == "reply 1"
    assert await scenario.ledger.cost_usd() == 0.25


async def test_a_run_ends_when_its_money_is_used_up(scenario: Scenario):
    await scenario.buy(worst_usd=0.9)
    with pytest.raises(
        Halt, match=r"the run budget: \$0.8000 needed at worst, \$0.7500 left"
    ) as caught:
        await scenario.buy("other", worst_usd=0.8)
    assert caught.value.outcome is Outcome.BUDGET_EXHAUSTED
    assert scenario.seller.sold == 1


@pytest.mark.parametrize(
    ("owners", "scope"), [(["octo"], "repository and day"), (["acme", "beta"], "day")]
)
async def test_an_exhausted_day_is_a_retry_that_does_not_count(
    scenario: Scenario, owners: list[str], scope: str
):
    scenario.seller.cost_usd = 0.8
    for number, owner in enumerate(owners, 1):
        await scenario.ledger_of(
            claim(
                scenario.store, job(issue_url=f"https://github.com/{owner}/repo/issues/{number}")
            ),
        ).buy(KEY, model="m", worst_usd=0.8, call=scenario.seller)
    with pytest.raises(Retry, match=f"the {scope} budget") as caught:
        await scenario.buy(worst_usd=0.9)
    verdict = judge(caught.value)
    assert (verdict.delay, verdict.counts) == (EXHAUSTED_DAY_DELAY, False)
    scenario.clock.now += 86_400
    scenario.deliver()
    await scenario.buy(worst_usd=0.9)


async def test_a_worker_without_the_lease_buys_nothing(scenario: Scenario):
    old = scenario.ledger
    scenario.deliver()
    with pytest.raises(LeaseLost):
        await scenario.buy(ledger=old)
    assert scenario.seller.sold == 0


POLICY = Policy(
    EffectiveLimits(2.0, 30.0, 4), 20.0, 200.0, TOPIC, Allowed(topics=(TOPIC, TOPIC + "-other"))
)


def test_a_job_may_lower_the_limits_but_not_raise_them():
    assert POLICY.limits_of(job()) == POLICY.limits
    less = job(limits={"max_cost_usd": 0.5, "max_minutes": 3, "max_rounds": 1})
    assert POLICY.limits_of(less) == EffectiveLimits(0.5, 3.0, 1)
    more = job(limits={"max_cost_usd": 1000, "max_minutes": 600, "max_rounds": 100})
    assert POLICY.limits_of(more) == POLICY.limits


def test_a_run_that_asks_for_more_than_a_day_allows_ends():
    narrow = Policy(EffectiveLimits(2.0, 30.0, 4), 1.5, 1.0)
    assert narrow.caps_of(narrow.limits, None) == MoneyCaps(1_000_000, 1_500_000, 1_000_000)
    with_key = replace(narrow, max_cost_usd_per_key_day={"a": 0.5})
    assert with_key.caps_of(narrow.limits, "b") == narrow.caps_of(narrow.limits, None)
    expected = MoneyCaps(500_000, 1_500_000, 1_000_000, key_day=500_000)
    assert with_key.caps_of(narrow.limits, "a") == expected
    assert POLICY.caps_of(EffectiveLimits(0.5, 1, 1), None) == MoneyCaps(
        500_000, 20_000_000, 200_000_000
    )


def test_events_go_to_the_requested_topic_only_if_allowed():
    job_for: Callable[[str], FixIssueJob] = lambda arn: job(callback_topic_arn=arn)  # noqa: E731
    assert POLICY.topic_of(job_for(TOPIC + "-other")) == TOPIC + "-other"
    assert (
        POLICY.topic_of(job_for(TOPIC + "-evil"))
        == POLICY.topic_of(job())
        == POLICY.topic_of(None)
        == TOPIC
    )
