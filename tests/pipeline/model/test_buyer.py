"""When a call is repeated, when the fallback is used, and when the run learns of it."""

import sys
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.errors import FIRST_WAIT, Halt, Retry
from pipeline.leased_run import LeasedRun
from pipeline.model import Message, ModelReply, ModelRequest, ToolCall, ToolSpec
from pipeline.model.buyer import MAX_WAIT, Buyer
from pipeline.model.capabilities import ModelProfile
from pipeline.model.failures import OUTAGES, RULES, Failure, ModelError
from pipeline.model.ledger import Ledger
from pipeline.model.worst_case import WorstCase
from pipeline.outcome import Outcome
from pipeline.run_key import RunKey
from pipeline.store.contract import MoneyCaps
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import Clock, claim, reply

CAPS = MoneyCaps(10**9, 10**9, 10**9)


MESSAGES = (Message(role="user", content="hunter2secret"),)


class Provider:
    """Raises the given errors in order, then answers."""

    def __init__(self, *errors: ModelError):
        self.errors = list(errors)
        self.models = list[str]()
        self.said = list[str]()
        self.lengths = list[int | None]()
        self.worst = dict[str, WorstCase]()
        self.recorded = list[tuple[ModelRequest, ModelReply]]()

    def profile(self, model: str) -> ModelProfile:
        return ModelProfile()

    def worst_case(self, request: ModelRequest) -> WorstCase:
        if request.max_tokens is not None and request.max_tokens < 100:
            return WorstCase(0.0001)
        return self.worst.get(request.model, WorstCase(0.5))

    def record_usage(self, request: ModelRequest, reply: ModelReply) -> None:
        self.recorded.append((request, reply))

    async def complete(self, request: ModelRequest) -> ModelReply:
        assert sys.exception() is None, "litellm's error would lose its causes"
        self.models.append(request.model)
        self.lengths.append(request.max_tokens)
        self.said.append(request.messages[0].content)
        if self.errors:
            raise self.errors.pop(0)
        return reply("the key is hunter2secret", 0.1).model_copy(update={"model": request.model})


class Counter:
    """A run that buys from a model."""

    def __init__(self, folder: Path, *errors: ModelError, fallback: str | None = None):
        self.provider = Provider(*errors)
        self.waited = list[float]()
        self.seconds = 0.0
        """The buyer's clock."""
        self.store = SqliteStore(folder / "store.sqlite", clock=Clock())
        self.held = claim(self.store)
        artifacts = FolderArtifacts(folder / "artifacts")
        run = LeasedRun(self.store, artifacts, self.held.lease, Clock())
        self.ledger = Ledger(run, CAPS)

        self.fallback = fallback
        self.restart()

    def restart(self) -> None:
        """Go on in another process."""

        async def wait(seconds: float) -> None:
            self.waited.append(seconds)

        self.buyer = Buyer(
            self.provider,
            model="first",
            fallback=self.fallback,
            sleep=wait,
            clock=lambda: self.seconds,
            redact=lambda text: text.replace("hunter2secret", "[redacted]"),
        )

    async def buy(self, model: str = "first") -> ModelReply:
        request = ModelRequest(model=model, messages=MESSAGES)
        return await self.buyer.buy(self.ledger, "1/propose/0", request)

    @property
    def calls(self) -> list[str]:
        return [call.state for call in self.store.calls(RunKey(self.held.run.job_id, 0))]


def error(failure: Failure, *, charged: bool = False, delay: float | None = None) -> ModelError:
    return ModelError(failure, "a reason", charged=charged, delay=delay)


@pytest.mark.parametrize("failure", Failure)
async def test_each_failure_is_retried_according_to_its_rule(
    tmp_path: Path, failure: Failure
) -> None:
    rule = RULES[failure]
    it = Counter(tmp_path, *[error(failure)] * (rule.retries + 1))
    with pytest.raises((Retry, Halt, ModelError)) as caught:
        await it.buy()
    assert len(it.provider.models) == rule.retries + 1 and it.calls == ["released"] * (
        rule.retries + 1
    )
    assert isinstance(
        caught.value, ModelError if rule.may_shorten else Halt if rule.outcome else Retry
    )


async def test_waiting_for_a_provider_stays_within_the_maximum(tmp_path: Path) -> None:
    it = Counter(
        tmp_path,
        error(Failure.RATE_LIMIT, delay=12.0),
        error(Failure.RATE_LIMIT, delay=MAX_WAIT + 1),
    )
    with pytest.raises(Retry) as caught:
        await it.buy()
    assert it.waited == [12.0] and caught.value.delay == MAX_WAIT + 1


async def test_a_charged_failure_keeps_its_reservation(
    tmp_path: Path,
) -> None:
    it = Counter(tmp_path, error(Failure.OVERLOAD, charged=True))
    await it.buy()
    assert it.calls == ["cut", "settled", "settled"] and len(it.waited) == 1
    assert it.provider.lengths == [None, 16, None], "a short question comes first"


@pytest.mark.parametrize("failure", sorted(OUTAGES))
async def test_a_model_that_does_not_answer_is_waited_for(tmp_path: Path, failure: Failure) -> None:
    it = Counter(tmp_path, *[error(failure, charged=True)] * 4)
    for _ in range(3):
        with pytest.raises(Retry) as caught:
            await it.buy()
        assert not caught.value.counts
        assert caught.value.delay is not None and caught.value.delay >= FIRST_WAIT
        it.seconds += caught.value.delay
    assert (await it.buy()).cost_usd == 0.1
    assert it.provider.lengths == [None, 16, 16, 16, 16, None]


async def test_a_silent_model_is_not_called_again_while_the_fallback_fails(tmp_path: Path) -> None:
    it = Counter(tmp_path, error(Failure.TIMEOUT, charged=True), fallback="second")
    it.provider.errors += [error(Failure.OVERLOAD, charged=True)] * 5
    for _ in range(2):
        with pytest.raises(Retry):
            await it.buy()
        it.restart()
    asked = list(zip(it.provider.models, it.provider.lengths, strict=True))
    assert asked.count(("first", None)) == asked.count(("second", None)) == 1


async def test_no_run_asks_a_silent_model_before_its_time(tmp_path: Path) -> None:
    it = Counter(tmp_path, *[error(Failure.OVERLOAD, charged=True)] * 2)
    for _ in range(2):
        with pytest.raises(Retry):
            await it.buy()
    assert it.provider.lengths == [None, 16], "one call, and one question"


async def test_an_answer_of_any_kind_ends_an_outage(tmp_path: Path) -> None:
    refusal = error(Failure.REFUSED)
    it = Counter(tmp_path, error(Failure.OVERLOAD, charged=True), refusal)
    assert (await it.buy()).cost_usd == 0.1
    assert it.provider.lengths == [None, 16, None]


async def test_a_request_that_only_breaks_itself_uses_up_tries(tmp_path: Path) -> None:
    it = Counter(tmp_path)
    complete = it.provider.complete

    async def answer_only_questions(request: ModelRequest) -> ModelReply:
        reply = await complete(request)
        if request.max_tokens is None:
            raise error(Failure.TIMEOUT, charged=True)
        return reply

    it.provider.complete = answer_only_questions  # type: ignore[method-assign]
    with pytest.raises(Retry) as caught:
        await it.buy()
    assert caught.value.counts
    assert it.provider.lengths == [None, 16]


async def test_what_costs_nothing_is_waited_for(tmp_path: Path) -> None:
    for failure in (Failure.UNREACHABLE, Failure.KEY, Failure.NO_KEY, Failure.RATE_LIMIT):
        it = Counter(tmp_path / failure.name, *[error(failure)] * 9)
        with pytest.raises(Retry) as caught:
            await it.buy()
        assert not caught.value.counts
        assert await it.ledger.cost_usd() == 0


async def test_a_refusal_waits_for_a_fallback_that_does_not_answer(tmp_path: Path) -> None:
    it = Counter(tmp_path, fallback="second")
    refuse(it, "first")
    complete = it.provider.complete

    async def lose_the_second(request: ModelRequest) -> ModelReply:
        if request.model == "second":
            raise error(Failure.UNREACHABLE)
        return await complete(request)

    it.provider.complete = lose_the_second  # type: ignore[method-assign]
    with pytest.raises(Retry) as caught:
        await it.buy()
    assert not caught.value.counts
    it.provider.complete = complete  # type: ignore[method-assign]
    assert (await it.buy()).model == "second"


async def test_a_used_up_budget_says_what_is_kept_for_calls_without_an_answer(
    tmp_path: Path,
) -> None:
    it = Counter(tmp_path, error(Failure.TIMEOUT, charged=True))
    it.provider.worst["first"] = WorstCase(999.9)
    with pytest.raises(Retry):
        await it.buy()
    with pytest.raises(Halt, match=r"\$999.9000 are kept for 1 call without an answer") as ended:
        await it.buy()
    assert ended.value.outcome is Outcome.BUDGET_EXHAUSTED


@pytest.mark.parametrize("failure", [f for f in Failure if RULES[f].try_fallback])
async def test_the_fallback_is_used_if_the_rule_says_so(tmp_path: Path, failure: Failure) -> None:
    it = Counter(tmp_path, *[error(failure)] * (RULES[failure].retries + 1), fallback="second")
    assert (await it.buy()).model == "second"
    assert (await it.buy()).model == "second" and it.calls[-1] == "settled", (
        "it is bought under the same key"
    )


async def test_requested_models_and_bad_requests_have_no_fallback(
    tmp_path: Path,
) -> None:
    it = Counter(tmp_path, error(Failure.KEY), error(Failure.REFUSED), fallback="second")
    with pytest.raises(Retry):
        await it.buy("asked for")
    with pytest.raises(Halt):
        await it.buy()
    assert it.provider.models == ["asked for", "first"]


async def test_the_run_waits_if_one_of_two_models_will_be_available(tmp_path: Path) -> None:
    it = Counter(tmp_path, error(Failure.QUOTA), error(Failure.UNKNOWN_MODEL), fallback="second")
    with pytest.raises(Retry, match="used up") as caught:
        await it.buy()
    assert caught.value.delay == RULES[Failure.QUOTA].delay
    both = Counter(
        tmp_path / "both", error(Failure.FILTER), error(Failure.UNKNOWN_MODEL), fallback="second"
    )
    with pytest.raises(Halt) as ended:
        await both.buy()
    assert ended.value.outcome is Outcome.NO_FIX


async def test_an_unaffordable_fallback_is_ignored(tmp_path: Path) -> None:
    it = Counter(tmp_path, *[error(Failure.RATE_LIMIT)] * 4, fallback="second")
    it.provider.worst["second"] = WorstCase(1e6)
    with pytest.raises(Retry, match="rate limit"):
        await it.buy()
    assert set(it.provider.models) == {"first"}
    it.provider.worst["first"] = WorstCase(1e6)
    with pytest.raises(Halt) as ended:
        await it.buy()
    assert ended.value.outcome is Outcome.BUDGET_EXHAUSTED


async def test_a_shorter_reply_is_requested_if_money_is_short(tmp_path: Path) -> None:
    it = Counter(tmp_path)
    it.provider.worst["first"] = WorstCase(999.75, max_tokens=32_768, token_usd=2**-15)
    await it.buy()
    assert it.provider.lengths == [8_192]
    plenty = Counter(tmp_path / "plenty")
    plenty.provider.worst["first"] = WorstCase(1.0, max_tokens=32_768, token_usd=2**-15)
    await plenty.buy()
    assert plenty.provider.lengths == [None]


async def test_usage_of_stored_replies_is_known_to_a_resumed_run(tmp_path: Path) -> None:
    it = Counter(tmp_path, *[error(Failure.FILTER)], fallback="second")
    bought = await it.buy()
    resumed = Provider()
    it.buyer = Buyer(resumed, model="first", fallback="second")
    assert await it.buy() == bought
    assert resumed.models == []
    ((request, answer),) = resumed.recorded
    assert (request.model, answer) == ("second", bought)


async def test_a_prompt_too_long_for_the_first_model_may_be_shortened(
    tmp_path: Path,
) -> None:
    it = Counter(
        tmp_path, error(Failure.CONTEXT), *[error(Failure.RATE_LIMIT)] * 4, fallback="second"
    )
    with pytest.raises(ModelError) as caught:
        await it.buy()
    assert caught.value.failure is Failure.CONTEXT
    waits = Counter(
        tmp_path / "b", *[error(Failure.RATE_LIMIT)] * 4, error(Failure.CONTEXT), fallback="second"
    )
    with pytest.raises(Retry):
        await waits.buy()


async def test_a_reply_with_a_lone_surrogate_is_stored_and_paid_once(tmp_path: Path) -> None:
    it = Counter(tmp_path)

    async def complete(request: ModelRequest) -> ModelReply:
        it.provider.models.append(request.model)
        return reply("so \ud83d it is", 0.1)

    it.provider.complete = complete  # type: ignore[method-assign]
    assert [(await it.buy()).content for _ in range(2)] == ["so ? it is"] * 2
    assert len(it.provider.models) == 1 and it.calls == ["settled"]


def refuse(it: Counter, *models: str) -> None:
    """Let the models refuse to answer."""
    complete = it.provider.complete

    async def complete_or_refuse(request: ModelRequest) -> ModelReply:
        answer = await complete(request)
        finish_reason = "refusal" if request.model in models else "stop"
        return answer.model_copy(update={"finish_reason": finish_reason})

    it.provider.complete = complete_or_refuse  # type: ignore[method-assign]


async def test_the_fallback_answers_what_the_model_refuses(tmp_path: Path) -> None:
    it = Counter(tmp_path, fallback="second")
    refuse(it, "first")
    for _ in range(2):
        assert (await it.buy()).model == "second"
    assert it.provider.models == ["first", "second"], "each is bought once"
    assert it.calls == ["settled", "settled"]


async def test_a_refusal_is_the_reply_if_no_fallback_answers(tmp_path: Path) -> None:
    alone = Counter(tmp_path / "alone")
    refuse(alone, "first")
    assert (await alone.buy()).refused
    both = Counter(tmp_path / "both", fallback="second")
    refuse(both, "first", "second")
    assert (await both.buy()).refused
    dear = Counter(tmp_path / "dear", fallback="second")
    refuse(dear, "first")
    dear.provider.worst["second"] = WorstCase(1e6)
    reply = await dear.buy()
    assert reply.refused
    assert reply.model == "first"


async def test_a_fallback_without_native_calls_cannot_continue_with_them(tmp_path: Path) -> None:
    it = Counter(tmp_path, error(Failure.KEY), fallback="second")
    tool = ToolSpec(name="bash", description="d", parameters={})
    request = ModelRequest(model="first", messages=MESSAGES, tools=(tool,))
    with pytest.raises(Retry):
        await it.buyer.buy(it.ledger, "1/propose/0", request)
    assert it.provider.models == ["first"]


async def test_no_secret_is_sent_or_stored(tmp_path: Path) -> None:
    it = Counter(tmp_path)
    assert (await it.buy()).content == "the key is [redacted]"
    assert it.provider.said == ["[redacted]"]


async def test_calls_are_redacted_and_reasoning_is_left_as_it_is(tmp_path: Path) -> None:
    it = Counter(tmp_path)
    call = ToolCall(id="call_1", name="bash", arguments='{"command": "echo hunter2secret"}')
    block = {"type": "thinking", "thinking": "hunter2secret", "signature": "s"}
    written = reply("", 0.1).model_copy(update={"tool_calls": (call,), "reasoning": (block,)})
    it.provider.complete = AsyncMock(return_value=written)  # type: ignore[method-assign]
    bought = await it.buy()
    assert bought.tool_calls[0].arguments == '{"command": "echo [redacted]"}'
    assert bought.reasoning == (block,)
    request = ModelRequest(model="first", messages=(written.as_message(),))
    (sent,) = it.buyer.redacted(request).messages
    assert sent == bought.as_message()
