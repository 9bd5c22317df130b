"""``coding-agent worker``: settings with which it refuses to start. Its work has its own tests."""

import sys

import pytest

from tests.cli.console import Console
from tests.stand_ins.aws import Aws


@pytest.fixture
def ready(console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that a worker needs."""
    (console.folder / "reply.md").write_text("a reply")
    for name, value in {
        "CODING_AGENT_QUEUE_URL": aws.make_queue().url,
        "CODING_AGENT_TOPIC_ARN": aws.make_topic().arn,
        "CODING_AGENT_MODEL": "scripted:reply.md",
        "GITHUB_TOKEN": "ghp_aSecretOfSomebody",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "CODING_AGENT_QUEUE_URL",
            "",
            "CODING_AGENT_QUEUE_URL is not set: the URL of the SQS queue for jobs",
        ),
        (
            "CODING_AGENT_TOPIC_ARN",
            "",
            "CODING_AGENT_TOPIC_ARN is not set: the ARN of the SNS topic for events",
        ),
        ("GITHUB_TOKEN", "", "GITHUB_TOKEN is not set"),
        ("CODING_AGENT_MODEL", "", "CODING_AGENT_MODEL is not set"),
        (
            "CODING_AGENT_SANDBOX",
            "none",
            "CODING_AGENT_SANDBOX: CODING_AGENT_SANDBOX=none is for local mode",
        ),
        ("CODING_AGENT_TEMPLATES", "nowhere", "CODING_AGENT_TEMPLATES: there is no folder nowhere"),
        (
            "CODING_AGENT_CONCURRENCY",
            "0",
            "CODING_AGENT_CONCURRENCY: Input should be greater than or equal to 1",
        ),
    ],
)
def test_a_missing_or_wrong_setting_is_reported_at_the_start(
    console: Console,
    ready: None,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    message: str,
) -> None:
    monkeypatch.setenv(variable, value)
    assert console.refused("worker").startswith(message)


def test_each_model_that_a_job_may_ask_for_must_have_a_price(
    console: Console, ready: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_MODEL", "nobody/knows-me")
    assert console.refused("worker").startswith(
        "CODING_AGENT_MODEL: the model 'nobody/knows-me' has no price"
    )
    monkeypatch.setenv("CODING_AGENT_MODEL", "openai/gpt-4o-mini")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("CODING_AGENT_ALLOWED_MODELS", "openai/gpt-4o-mini,nobody/knows-me")
    assert console.refused("worker").startswith(
        "CODING_AGENT_ALLOWED_MODELS: the model 'nobody/knows-me' has no price"
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("CODING_AGENT_MODEL", "the key for openai/gpt-4o-mini"),
        ("CODING_AGENT_FALLBACK_MODEL", "the key for gpt-4o"),
        ("CODING_AGENT_ATTEMPT_MODELS", "the key for gpt-4o"),
    ],
)
def test_each_model_must_have_its_key(
    console: Console, ready: None, monkeypatch: pytest.MonkeyPatch, setting: str, message: str
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-1")
    monkeypatch.setenv("CODING_AGENT_MODEL", "anthropic/claude-opus-4-5")
    monkeypatch.setenv(setting, message.rpartition(" ")[2])
    assert console.refused("worker") == f"{setting}: OPENAI_API_KEY is not set: {message}"


def test_metrics_without_their_extra_are_refused_at_the_start(
    console: Console, ready: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_METRICS", "true")
    monkeypatch.setenv("CODING_AGENT_PORT", "0")
    monkeypatch.setitem(sys.modules, "pipeline.prometheus", None)
    message = console.refused("worker")
    assert message.startswith("CODING_AGENT_METRICS: install the extra 'metrics': ")
