import pytest

from pipeline.telemetry import environment_secrets


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("OPENAI_API_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("AWS_ACCESS_KEY_ID", True),
        ("GITHUB_TOKEN", True),
        ("HUGGINGFACE_APIKEY", True),
        ("CODING_AGENT_API_KEYS", True),
        ("OTEL_EXPORTER_OTLP_HEADERS", True),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", True),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", False),
        ("AWS_REGION", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("MAX_TOKENS", False),
    ],
)
def test_variable_is_secret_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, is_secret: bool
):
    monkeypatch.setenv(name, "a-value-of-it")
    assert (name in environment_secrets()) is is_secret
