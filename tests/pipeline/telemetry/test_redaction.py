import pytest

from pipeline.telemetry import Redactor, environment_secrets


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


def test_the_values_of_an_exporters_headers_are_secret_and_their_names_are_not(
    monkeypatch: pytest.MonkeyPatch,
):
    headers = "Authorization=Bearer%20abcdef123,x-team-key=ghijkl456"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    redact = Redactor(environment_secrets().values())
    sent = redact("{'Authorization': 'Bearer abcdef123', 'x-team-key': 'ghijkl456'}")
    assert sent == "{'Authorization': '[redacted]', 'x-team-key': '[redacted]'}"
    assert redact("token abcdef123 of the Authorization") == "token [redacted] of the Authorization"


def test_a_malformed_header_of_an_exporter_is_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer abcdef123")
    redact = Redactor(environment_secrets().values())
    assert redact("invalid: Authorization: Bearer abcdef123") == "invalid: [redacted]"
    assert redact("abcdef123") == "[redacted]"


def test_the_password_and_the_query_of_an_exporters_address_are_secret(
    monkeypatch: pytest.MonkeyPatch,
):
    address = "https://sender:pass%20word@collector.example/v1/traces?key=abcdef123"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", address)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://abcdefghi@collector.example")
    redact = Redactor(environment_secrets().values())
    assert redact("with url: /v1/traces?key=abcdef123") == "with url: /v1/traces?key=[redacted]"
    assert redact("pass%20word, pass word, abcdefghi") == ", ".join(["[redacted]"] * 3)
    assert redact("sender at collector.example") == "sender at collector.example"
