"""``coding-agent doctor``: what it asks of services, and what of that costs money."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.model.scripted import Entry, Script
from pipeline.store.dynamodb import table_definition
from tests.cli.console import Console
from tests.stand_ins.aws import REGION, Aws
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.model_server import ModelServer


def checks(console: Console) -> dict[str, dict[str, Any]]:
    payload = console.json("doctor", "--json", code=2)
    return {check["name"]: check for check in payload["checks"]}


def test_table_and_bucket_must_exist(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.client("dynamodb").create_table(**table_definition("doctors-table"))
    place = {"LocationConstraint": REGION}
    aws.client("s3").create_bucket(Bucket="doctors-bucket", CreateBucketConfiguration=place)
    monkeypatch.setenv("CODING_AGENT_STORE", "dynamodb://doctors-table")
    monkeypatch.setenv("CODING_AGENT_ARTIFACTS", "s3://doctors-bucket/artifacts")
    there = checks(console)
    assert there["table"]["ok"]
    assert there["bucket"]["ok"]
    monkeypatch.setenv("CODING_AGENT_STORE", "dynamodb://nosuch")
    monkeypatch.setenv("CODING_AGENT_ARTIFACTS", "s3://no-such-bucket/artifacts")
    missing = checks(console)
    assert missing["table"]["mend"].startswith("nosuch: AWS has no such table")
    assert missing["bucket"]["mend"].startswith("s3://no-such-bucket/artifacts: AWS has no")


def test_without_credentials_of_aws_doctor_says_so(
    console: Console, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", aws.make_queue().url)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "there are no AWS credentials: set AWS_PROFILE" in checks(console)["queue"]["mend"]


def test_offline_asks_nobody(
    console: Console, script: Path, github: GithubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_QUEUE_URL", "http://127.0.0.1:9/123456789012/jobs")
    monkeypatch.setenv("CODING_AGENT_TOPIC_ARN", "arn:aws:sns:eu-central-1:123456789012:events")
    monkeypatch.setenv("CODING_AGENT_STORE", "dynamodb://nosuch")
    monkeypatch.setenv("CODING_AGENT_ARTIFACTS", "s3://no-such-bucket/artifacts")
    monkeypatch.setenv("CODING_AGENT_TEMPLATES", "s3://no-such-bucket/templates")
    result = console.run("doctor", "--offline")
    assert result.exit_code == 0, result.stdout
    assert github.requests == []


def test_online_buys_a_short_reply_of_each_model_and_tells_its_cost(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_MODEL", "openai/gpt-4o-mini")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    with ModelServer(Script([Entry(reply="OK")]), key="sk-1") as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.api_base)
        without = console.run("doctor")
        assert "reply of" not in without.stdout
        assert server.exchanges == []
        assert "✓ reply of openai/gpt-4o-mini: after " in console.run("doctor", "--online").stdout
        (exchange,) = server.exchanges
    assert exchange


def test_online_reports_a_key_that_the_provider_refuses(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_MODEL", "openai/gpt-4o-mini")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    with ModelServer(Script([Entry(reply="OK")]), key="sk-1") as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.api_base)
        result = console.run("doctor", "--online")
    assert result.exit_code == 2
    assert "✗ reply of openai/gpt-4o-mini: " in result.stdout
    assert "sk-wrong" not in result.stdout


def test_a_degraded_sandbox_is_no_failure_and_says_what_does_not_work(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find_fault(*_: object) -> str:
        return "its own servers can't be reached: UDP"

    monkeypatch.setattr("cli.sandbox_trial.try_sandbox", find_fault)
    result = console.run("doctor", "--offline")
    assert ", degraded: its own servers can't be reached: UDP" in result.stdout
    assert "✗ sandbox" not in result.stdout


def test_a_sandbox_that_can_run_nothing_is_reported(
    console: Console, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("the helper does not answer")

    monkeypatch.setattr("cli.sandbox_trial.try_sandbox", fail)
    result = console.run("doctor", "--offline")
    assert result.exit_code == 2
    assert "✗ sandbox: the helper does not answer" in result.stdout
