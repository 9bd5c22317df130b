"""Prices and worst cases, with the real litellm's list and tokenizers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Halt
from pipeline.model import Message, ModelReply, ModelRequest, ToolCall, ToolSpec
from pipeline.model.capabilities import Models, Section
from pipeline.model.litellm_library import listed_model
from pipeline.model.price import Price, Usage
from pipeline.model.price_file import read_file, row_in_file
from pipeline.model.price_list import listed_price, price_to_show
from pipeline.model.prices import ModelPrices, read_usage
from pipeline.model.worst_case import SHORTEST_REPLY, WorstCase
from pipeline.outcome import Outcome
from tests.stand_ins.runs import reply

CLAUDE = "anthropic/claude-sonnet-4-5"
GPT = "openai/gpt-4o-mini"


def request(
    *messages: Message, model: str = GPT, max_tokens: int = 1, tools: tuple[ToolSpec, ...] = ()
) -> ModelRequest:
    return ModelRequest(model=model, messages=messages, max_tokens=max_tokens, tools=tools)


def user(text: str, *, reused: bool = False) -> Message:
    return Message(role="user", content=text, reused=reused)


def worst_usd(model_request: ModelRequest, prices: ModelPrices | None = None) -> float:
    return (prices or ModelPrices(Models.load())).worst_case(model_request).usd


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x\n" * 500,
        "hello world " * 500,
        " " * 20_000,
        "日本語のテキスト" * 300,
        "\U0001f9ea" * 300,
    ],
)
def test_the_worst_case_bounds_the_bill_for_any_text(text: str) -> None:
    size = len(text.encode())
    price = Price(input=0.15, output=0.60)
    # Half of the bytes: no tokenizer in use makes more tokens from such texts.
    least = price.cost_usd(Usage(size // 2, 100))
    most = price.cost_usd(Usage(size + 1000, 100))
    assert least <= worst_usd(request(user(text), max_tokens=100)) <= most


@given(data=st.data(), size=st.integers(0, 5_000), max_tokens=st.integers(1, 50_000))
def test_no_usage_within_the_bounds_costs_more_than_is_reserved(
    data: st.DataObject, size: int, max_tokens: int
) -> None:
    dollars = st.floats(0, 100)
    input_price = data.draw(dollars)
    price = Price(
        input=input_price,
        output=data.draw(dollars),
        cached_input=data.draw(st.none() | st.floats(0, input_price)),
        cache_write=data.draw(st.none() | dollars),
    )
    section = Section("openai/mine", {"price": price.model_dump(), "protocol": "text"})
    # Numbers of three digits: one token of the densest tokenizers for two bytes.
    text = "123" * size
    ours = request(user(text), model="openai/mine", max_tokens=max_tokens)
    prompt = len(text) // 2
    cached = data.draw(st.integers(0, prompt))
    written = data.draw(st.integers(0, prompt - cached))
    usage = Usage(prompt, data.draw(st.integers(0, max_tokens)), cached, written)
    prices = ModelPrices(Models([section]))
    assert price.cost_usd(usage) <= worst_usd(ours, prices) * (1 + 1e-9)


def test_everything_that_the_model_reads_is_counted() -> None:
    text = "word " * 10_000
    bare = worst_usd(request(user("")))
    call = ToolCall(id="1", name="bash", arguments=text)
    tool = ToolSpec(name="bash", description=text, parameters={})
    for other in (
        request(user("")).model_copy(update={"tools": (tool,)}),
        request(Message(role="assistant", content="", tool_calls=(call,))),
        request(Message(role="assistant", content="", reasoning=({"thinking": text},))),
    ):
        assert worst_usd(other) > bare + 10_000 * 0.15e-6


def test_no_price_is_reserved_that_the_request_does_not_ask_for() -> None:
    prices = ModelPrices(Models.load())
    # The list has a price for priority, and one above 200,000 tokens, both twice as high.
    assert prices.price("openai/gpt-5.1") == Price(input=1.25, output=10, cached_input=0.125)
    assert prices.price(CLAUDE).input == 3
    assert prices.price(CLAUDE, input_tokens=200_001).input == 6


def test_a_request_that_passes_a_threshold_is_reserved_at_the_higher_price() -> None:
    short = worst_usd(request(user("word " * 1_000), model=CLAUDE))
    long = worst_usd(request(user("word " * 200_000), model=CLAUDE))
    assert long > 300 * short


def test_a_model_with_tiers_is_priced_by_the_length_of_its_input() -> None:
    prices = ModelPrices(Models.load())
    model = "dashscope/qwen3-coder-plus"
    assert prices.price(model).input == pytest.approx(1.0)
    assert prices.price(model, input_tokens=40_000).output == pytest.approx(9.0)


def test_writing_to_the_cache_is_reserved_if_a_message_is_marked() -> None:
    text = "word " * 10_000
    plain = worst_usd(request(user(text), model=CLAUDE))
    marked = worst_usd(request(user(text, reused=True), model=CLAUDE))
    assert marked / plain == pytest.approx(3.75 / 3, rel=1e-3)


def answer(prompt_tokens: int, completion_tokens: int = 1) -> ModelReply:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    return reply("yes").model_copy(update=usage)


def conversation(prices: ModelPrices, first: ModelRequest, answer: ModelReply) -> ModelRequest:
    """Record the answer, and return the request that continues the conversation."""
    answer = answer.model_copy(update={"model": first.model})
    prices.record_usage(first, answer)
    messages = (*first.messages, answer.as_message(), user("and now?"))
    return first.model_copy(update={"messages": messages})


def test_in_a_conversation_the_margin_is_for_what_is_new() -> None:
    prices = ModelPrices(Models.load())
    first = request(user("word " * 50_000))
    following = conversation(prices, first, answer(50_007, 200))
    exact = (50_007 + 200 + 5) * 0.15e-6
    assert exact < worst_usd(following, prices) < 1.01 * exact
    assert worst_usd(following) > 1.9 * exact


def test_a_mark_for_the_cache_may_move_and_a_reply_be_left_out() -> None:
    prices = ModelPrices(Models.load())
    first = request(user("word " * 50_000, reused=True))
    following = conversation(prices, first, answer(50_007))
    unmarked = first.messages[0].model_copy(update={"reused": False})
    shortened = following.model_copy(update={"messages": (unmarked, user("and now?"))})
    assert worst_usd(shortened, prices) < 50_500 * 0.15e-6


def test_usage_says_nothing_about_other_messages_models_and_tools() -> None:
    prices = ModelPrices(Models.load())
    first = request(user("word " * 50_000))
    following = conversation(prices, first, answer(50_007))
    edited = user("Word " * 50_000)
    tool = ToolSpec(name="bash", description="", parameters={})
    for update in (
        {"messages": (edited, *following.messages[1:])},
        {"model": "openai/gpt-4o"},
        {"tools": (tool,)},
    ):
        other = following.model_copy(update=update)
        assert worst_usd(other, prices) == worst_usd(other)


def test_a_reply_without_usage_is_not_remembered_and_costs_the_worst_case() -> None:
    prices = ModelPrices(Models.load())
    first = request(user("word " * 50_000))
    following = conversation(prices, first, answer(0))
    assert worst_usd(following, prices) == worst_usd(following)
    assert prices.cost_usd(first, Usage(0, 0), listed_usd=0.0) == worst_usd(first)


def test_a_reply_is_shortened_to_what_is_affordable_but_not_to_less_than_a_step() -> None:
    token_usd = 2**-15
    worst = WorstCase(input_usd=0.5, max_tokens=32_768, token_usd=token_usd)
    assert worst.within(1.5) == worst
    assert worst.within(1.0) == WorstCase(0.5, max_tokens=16_384, token_usd=token_usd)
    too_little = worst.input_usd + (SHORTEST_REPLY - 1) * worst.token_usd
    assert worst.within(too_little) == worst
    assert WorstCase(0.7).within(0.1) == WorstCase(0.7)


def test_max_tokens_are_no_more_than_the_model_can_write() -> None:
    prices = ModelPrices(Models.load())
    lengths = [
        prices.worst_case(request(user("hi"), model="gpt-4-turbo", max_tokens=n)).max_tokens
        for n in (4_000, 4_096, 100_000)
    ]
    assert lengths == [4_000, 4_096, 4_096]


@pytest.mark.parametrize("model", ["openai/nobody-knows-me", "nonsense", ""])
def test_a_model_without_a_price_is_refused_before_it_is_paid(model: str) -> None:
    prices = ModelPrices(Models.load())
    with pytest.raises(ValueError, match=f"has no price.* CODING_AGENT_MODEL_PRICES={model}=0/0$"):
        prices.check(model)
    with pytest.raises(Halt) as caught:
        prices.worst_case(request(user("hi"), model=model))
    assert caught.value.outcome is Outcome.REJECTED


@pytest.fixture
def operators(tmp_path: Path) -> Callable[[str], ModelPrices]:
    """Prices with the settings of an operator's file."""

    def load(settings: str) -> ModelPrices:
        file = tmp_path / "models.yaml"
        file.write_text(settings)
        return ModelPrices(Models.load(file))

    return load


def test_an_operators_price_replaces_that_of_the_list(
    operators: Callable[[str], ModelPrices],
) -> None:
    prices = operators("gpt-4o-mini: {price: {input: 1, output: 2, cached_input: 0.5}}")
    assert prices.price(GPT) == Price(input=1, output=2, cached_input=0.5)
    usage = Usage(1_000, 100, cached_tokens=1_000)
    assert prices.cost_usd(request(), usage, listed_usd=9.0) == pytest.approx(0.0007)


def test_a_model_whose_cache_writes_are_priced_by_the_operator_is_marked(
    operators: Callable[[str], ModelPrices],
) -> None:
    prices = operators(
        "bedrock/arn:*: {price: {input: 3, output: 15, cached_input: 0.3, cache_write: 3.75}}\n"
        "openai/*: {price: {input: 3, output: 15, cache_write: 3.75}}\n"
    )
    profile = "bedrock/arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc"
    assert prices.needs_cache_marks(profile)
    assert not prices.needs_cache_marks("openai/ours")


def test_a_service_tier_that_is_asked_for_is_reserved_at_its_price(
    operators: Callable[[str], ModelPrices],
) -> None:
    prices = operators("gpt-5.1: {extra: {service_tier: priority}}")
    assert prices.price("openai/gpt-5.1") == Price(input=2.5, output=20, cached_input=0.25)


def test_a_model_that_litellm_lets_write_without_end_is_refused_unless_it_costs_nothing(
    operators: Callable[[str], ModelPrices],
) -> None:
    model = "v0/v0-1.0-md"
    with pytest.raises(ValueError, match="has no bound") as caught:
        ModelPrices(Models.load()).check(model)
    line = f'"{model}": {{extra: {{allowed_openai_params: [max_tokens]}}}}'
    assert str(caught.value).endswith(f"the file that CODING_AGENT_MODELS names: {line}")
    operators(line).check(model)
    operators(f"{model}: {{price: {{input: 1, output: 0}}}}").check(model)


def test_a_cost_that_litellm_does_not_know_is_calculated_from_the_usage() -> None:
    prices = ModelPrices(Models.load())
    cost = prices.cost_usd(request(), Usage(1_000_000, 100_000), listed_usd=None)
    assert cost == pytest.approx(0.15 + 0.06)


def test_our_own_price_tells_cached_input_from_other_input() -> None:
    price = Price(input=3, output=15, cached_input=0.3, cache_write=3.75)
    usage = Usage(1_000_000, 100_000, cached_tokens=600_000, cache_write_tokens=300_000)
    assert price.cost_usd(usage) == pytest.approx(0.3 + 0.18 + 1.125 + 1.5)
    plain = Price(input=3, output=15)
    assert plain.cost_usd(usage) == pytest.approx(3 + 1.5)
    assert Price(input=0, output=0).cost_usd(usage) == 0


def test_usage_is_read_from_incomplete_reports() -> None:
    from litellm import Usage as Reported

    anthropic = Reported(
        prompt_tokens=100,
        completion_tokens=7,
        cache_creation_input_tokens=30,
        cache_read_input_tokens=50,
    )
    assert read_usage(anthropic) == Usage(100, 7, cached_tokens=50, cache_write_tokens=30)
    assert read_usage(Reported(prompt_tokens=5)) == Usage(5, 0)
    assert read_usage(None) == Usage(0, 0)


@pytest.mark.parametrize("model", [GPT, "gpt-4o-mini", CLAUDE, "dashscope/qwen3-coder-plus"])
def test_the_price_to_show_is_the_one_of_a_short_request(model: str) -> None:
    assert price_to_show(model) == listed_price(model)


def test_the_price_to_show_of_an_unknown_model_is_none() -> None:
    assert price_to_show("nobody/knows-me") is None


@pytest.mark.slow
def test_where_litellm_knows_a_name_its_row_is_the_one_in_the_file() -> None:
    differences = []
    for name, row in read_file().items():
        if row.get("litellm_provider") not in ("openai", "anthropic", "gemini", "mistral"):
            continue
        known = listed_model(name)
        if known and row_in_file(name) not in (None, known):
            differences.append(name)
    assert differences == []
