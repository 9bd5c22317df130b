"""What each provider's library must find in the environment."""

import os
from pathlib import Path

import pytest

from pipeline.model.capabilities import Models
from pipeline.model.litellm_client import LiteLLMClient

BEDROCK = "bedrock/us.anthropic.claude-opus-4-7"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.endswith(("_KEY", "_TOKEN", "_BASE")) or name.startswith(("AWS_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(
    ("model", "missing", "variables"),
    [
        ("gpt-4o", "OPENAI_API_KEY", {"OPENAI_API_KEY": "k"}),
        ("openai/gpt-5", "OPENAI_API_KEY", {"OPENAI_API_KEY": "k"}),
        ("claude-opus-4-5", "ANTHROPIC_API_KEY", {"ANTHROPIC_API_KEY": "k"}),
        ("gemini/gemini-2.5-pro", "GEMINI_API_KEY or GOOGLE_API_KEY", {"GOOGLE_API_KEY": "k"}),
        ("groq/llama", "GROQ_API_KEY", {"GROQ_API_KEY": "k"}),
        ("zai/glm-5", "ZAI_API_KEY", {"ZAI_API_KEY": "k"}),
        ("hosted_vllm/ours", "HOSTED_VLLM_API_BASE", {"HOSTED_VLLM_API_BASE": "http://h/v1"}),
        (
            "litellm_proxy/smart",
            "LITELLM_PROXY_API_BASE, LITELLM_PROXY_API_KEY",
            {"LITELLM_PROXY_API_BASE": "http://h", "LITELLM_PROXY_API_KEY": "k"},
        ),
        (
            "azure/ours",
            "AZURE_API_BASE or AZURE_OPENAI_ENDPOINT, AZURE_API_KEY or",
            {"AZURE_API_BASE": "https://h", "AZURE_AD_TOKEN": "t"},
        ),
        (
            BEDROCK,
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or",
            {"AWS_BEARER_TOKEN_BEDROCK": "t"},
        ),
        (BEDROCK, "AWS_ACCESS", {"AWS_ACCESS_KEY_ID": "i", "AWS_SECRET_ACCESS_KEY": "k"}),
    ],
)
def test_a_missing_key_is_named_before_a_model_is_called(
    monkeypatch: pytest.MonkeyPatch, model: str, missing: str, variables: dict[str, str]
) -> None:
    client = LiteLLMClient()
    for name in variables:
        monkeypatch.setenv(name, "")  # as good as not set
    with pytest.raises(ValueError, match=f"^{missing}.* not set: the|AWS's") as caught:
        client.check_credentials(model)
    assert str(caught.value).endswith(f"for {model}")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client.check_credentials(model)


def test_litellm_knows_the_keys_of_other_providers() -> None:
    with pytest.raises(ValueError, match=r"^CEREBRAS_API_KEY is not set: the key for "):
        LiteLLMClient().check_credentials("cerebras/m")


@pytest.mark.parametrize("model", ["ollama/ours", "ollama_chat/ours"])
def test_a_server_on_this_machine_needs_nothing(model: str) -> None:
    LiteLLMClient().check_credentials(model)


def test_an_address_may_be_among_the_models_settings(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("hosted_vllm/ours: {extra: {api_base: 'http://127.0.0.1:8000/v1'}}")
    LiteLLMClient(Models.load(file)).check_credentials("hosted_vllm/ours")


def test_credentials_of_aws_may_be_in_its_file(tmp_path: Path) -> None:
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = i\naws_secret_access_key = k\n"
    )
    LiteLLMClient().check_credentials(BEDROCK)


def test_a_provider_that_litellm_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="such as hosted_vllm/our-coder"):
        LiteLLMClient().check_credentials("our-coder")


def test_a_provider_whose_library_is_missing_is_refused() -> None:
    with pytest.raises(ValueError, match="pip install google-auth"):
        LiteLLMClient().check_credentials("vertex_ai/gemini-2.5-pro")


def test_prices_can_be_set_by_one_variable() -> None:
    models = Models.load(prices={"azure/ours": (1.0, 2.5), "bedrock/arn:aws:x/abc": (0.0, 0.0)})
    price = models.profile("azure/ours").price
    assert price is not None and (price.input, price.output) == (1.0, 2.5)
    LiteLLMClient(models).check("bedrock/arn:aws:x/abc")
