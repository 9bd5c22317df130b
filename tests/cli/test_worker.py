"""``coding-agent worker``: what it refuses to start with. Its work has its own tests."""

import logging
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.start_checks import require_services
from pipeline import settings as config
from pipeline.settings import SettingsError
from tests.cli.console import Console
from tests.stand_ins.aws import Aws
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn

#: Nothing listens on this port (discard).
CLOSED = "http://127.0.0.1:9"


@pytest.fixture
def ready(
    console: Console, aws: Aws, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything that a worker needs."""
    (console.folder / "reply.md").write_text("a reply")
    for name, value in {
        "CODING_AGENT_QUEUE_URL": aws.make_queue().url,
        "CODING_AGENT_TOPIC_ARN": aws.make_topic().arn,
        "CODING_AGENT_MODEL": "scripted:reply.md",
        "GITHUB_TOKEN": WRITE_TOKEN,
        "GITHUB_API_URL": github.api_url,
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


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("GITHUB_TOKEN", "ghp_revoked", "GITHUB_TOKEN: GitHub refused the credentials (401)"),
        ("CODING_AGENT_TOPIC_ARN", "{topic}x", "topic: {topic}x: AWS has no such topic"),
        ("CODING_AGENT_QUEUE_URL", "{queue}x", "queue: {queue}x: AWS has no such queue"),
        (
            "CODING_AGENT_ARTIFACTS",
            "s3://no-such-bucket/a",
            "bucket: s3://no-such-bucket/a: AWS has no such bucket",
        ),
    ],
)
def test_what_a_service_refuses_ends_the_start(
    console: Console,
    aws: Aws,
    ready: None,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    message: str,
) -> None:
    names = {"topic": aws.make_topic().arn, "queue": aws.make_queue().url}
    monkeypatch.setenv(variable, value.format(**names))
    assert console.refused("worker").startswith(message.format(**names))


def test_an_outage_is_logged_and_does_not_end_the_start(
    ready: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", CLOSED)
    monkeypatch.setenv("AWS_ENDPOINT_URL", CLOSED)
    monkeypatch.setenv("CODING_AGENT_STORE", "dynamodb://jobs")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with caplog.at_level(logging.WARNING, "coding_agent.start"):
        require_services(config.load())
    names = sorted(record.getMessage().partition(":")[0] for record in caplog.records)
    assert names == ["GITHUB_TOKEN", "queue", "table", "topic"]


def test_a_full_disk_does_not_end_the_start(
    ready: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = SimpleNamespace(free=0.4e9, total=400e9)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with caplog.at_level(logging.WARNING, "coding_agent.start"):
        require_services(config.load())
    (record,) = caplog.records
    assert "has 0.4 GB free and needs 1 GB" in record.getMessage()


def test_a_misspelt_setting_is_logged_at_the_start(
    ready: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CODING_AGENT_MODLE", "gpt-4o")
    with caplog.at_level(logging.WARNING, "coding_agent.start"):
        require_services(config.load())
    (record,) = caplog.records
    assert record.getMessage() == (
        "CODING_AGENT_MODLE: there is no such setting; did you mean CODING_AGENT_MODEL?"
    )


def test_every_service_that_refuses_is_named(ready: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_revoked")
    monkeypatch.setenv("CODING_AGENT_ARTIFACTS", "s3://no-such-bucket/a")
    with pytest.raises(SettingsError) as refusal:
        require_services(config.load())
    assert [line.partition(":")[0] for line in str(refusal.value).splitlines()] == [
        "GITHUB_TOKEN",
        "bucket",
    ]


def test_artifacts_where_no_folder_can_be_end_the_start(
    ready: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("CODING_AGENT_ARTIFACTS", str(file / "artifacts"))
    with pytest.raises(SettingsError, match=r"CODING_AGENT_ARTIFACTS: .* a writable folder"):
        require_services(config.load())


def test_without_credentials_of_aws_the_start_ends(
    ready: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingsError, match="there are no AWS credentials"):
        require_services(config.load())
