"""Settings of models: the shipped file, an operator's file over it, and its errors."""

from pathlib import Path

import pytest

from pipeline.model.capabilities import Models, ModelsError


def profiles(folder: Path, text: str) -> Models:
    file = folder / "models.yaml"
    file.write_text(text)
    return Models.load(file)


@pytest.mark.parametrize(
    "model", ["gpt-5", "openai/gpt-5.2", "azure/gpt-5-mini", "gpt-5.9", "o3", "gpt-5.3-codex"]
)
def test_openais_reasoning_models_use_the_responses_api_without_a_temperature(model: str) -> None:
    profile = Models.load().profile(model)
    assert profile.api == "responses"
    assert profile.protocol == "native"
    assert not profile.takes_temperature
    assert profile.keeps_reasoning
    assert profile.effort_for("agent") == "high"
    assert profile.effort_for("single") == "medium"


@pytest.mark.parametrize(
    ("model", "has_budget"),
    [
        ("anthropic/claude-sonnet-4-5-20250929", True),
        ("claude-opus-4-20250514", True),
        ("vertex_ai/claude-sonnet-4@20250514", True),
        ("snowflake/claude-sonnet-4", True),
        ("openrouter/anthropic/claude-opus-4.5", False),
        ("bedrock/us.anthropic.claude-opus-4-5-20251101-v1:0", True),
        ("anthropic/claude-opus-4-6-20260205", False),
        ("bedrock/global.anthropic.claude-opus-4-7", False),
        ("claude-opus-5-2", False),
    ],
)
def test_older_claude_models_think_for_a_number_of_tokens(model: str, has_budget: bool) -> None:
    profile = Models.load().profile(model)
    assert (profile.thinking_tokens is not None) == has_budget
    assert profile.effort_for("agent") == "high"


def test_an_unknown_model_gets_no_effort_and_answers_in_text() -> None:
    profile = Models.load().profile("hosted_vllm/acme/coder")
    assert profile.protocol == "text"
    assert profile.api == "chat"
    assert profile.effort_for("agent") is None
    assert profile.effort_for("agent", "high") is None
    assert not profile.keeps_reasoning
    assert profile.max_tokens == {"agent": 8000, "single": 8000}


def test_the_context_is_that_of_litellms_list_unless_a_file_has_it(tmp_path: Path) -> None:
    models = profiles(tmp_path, '"gpt-4o*": {context: 50000}\nopenai/gpt-4o-mini: {context: null}')
    names = ("gpt-5", "gpt-4o", "openai/gpt-4o-mini", "claude-sonnet-4-6", "hosted_vllm/acme/coder")
    contexts = [models.profile(name).context for name in names]
    assert contexts == [272_000, 50_000, None, 200_000, None]


def test_an_operators_file_changes_single_fields_of_the_models_it_names(tmp_path: Path) -> None:
    models = profiles(
        tmp_path,
        "gpt-5*: {effort: {agent: low}}\nazure/our-gpt: {api: responses, protocol: native}\n",
    )
    assert models.profile("gpt-5").effort == {"agent": "low", "single": "medium"}
    assert models.profile("gpt-5").api == "responses"
    assert models.profile("azure/our-gpt").api == "responses"
    assert models.profile("o3").effort == {"agent": "high", "single": "medium"}


def test_a_pattern_with_a_slash_matches_the_whole_name(tmp_path: Path) -> None:
    models = profiles(tmp_path, "azure/gpt-5: {api: chat}")
    assert models.profile("azure/gpt-5").api == "chat"
    assert models.profile("openai/gpt-5").api == "responses"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gpt-5: {efort: {agent: high}}", "gpt-5: efort: unknown field"),
        ("gpt-5: {effort: {agent: hard}}", "gpt-5: effort.agent: Input should be"),
        ("gpt-5: {effort: {steps: high}}", "gpt-5: effort.steps"),
        ("gpt-5: {max_tokens: {agent: 0}}", "gpt-5: max_tokens: agent: must be at least 1"),
        ("gpt-5: {timeout_seconds: 0}", "gpt-5: timeout_seconds: Input should be greater than 0"),
        ("gpt-5: {extra: {api_key: x, n: 3}}", "gpt-5: extra: api_key, n can't be set here"),
        ("gpt-5: high", "gpt-5: write settings below it"),
        ("[gpt-5]", "write a mapping"),
        ("gpt-5: {", "not YAML"),
        ("gpt-5: {api: chat}\ngpt-5: {price: {input: 1, output: 1}}", "'gpt-5' occurs twice"),
    ],
)
def test_an_error_names_file_model_and_field(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ModelsError) as caught:
        profiles(tmp_path, text)
    assert str(tmp_path / "models.yaml") in str(caught.value)
    assert problem in str(caught.value)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelsError, match="No such file"):
        Models.load(tmp_path / "none.yaml")
