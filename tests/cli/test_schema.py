"""``coding-agent schema``: the schemas that a backend validates against."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.outcome import Event, Outcome, RunResult, RunStarted, Verification
from tests.cli.console import Console
from tests.stand_ins.runs import job

RESULT = RunResult(
    job_id="j",
    generation=0,
    issue_url=job().issue_url,
    repository="octo/repo",
    outcome=Outcome.PR_OPENED,
    reason="pull request #7: red to green",
    verification=Verification.RED_TO_GREEN,
    pull_request_number=7,
    cost_usd=0.01,
    metadata={"ticket": "7"},
    artifacts={"patch": "file:///p"},
    trace="t",
)
STARTED = RunStarted(
    job_id="j", generation=0, issue_url=job().issue_url, repository="octo/repo", trace="t"
)


def validator(console: Console, what: str) -> Draft202012Validator:
    result = console.run("schema", what)
    schema = json.loads(result.stdout)
    Draft202012Validator.check_schema(schema)
    assert result.exit_code == 0
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    "body",
    [
        {"issue_url": "https://github.com/octo/repo/issues/42"},
        json.loads(
            job(metadata={"a": "b"}, limits={"max_rounds": 2}, options={"labels": ["x"]}).to_json()
        ),
        job(replay={"id": "once-more", "from_stage": "propose_patch"}).model_dump(mode="json"),
    ],
)
def test_the_jobs_schema_accepts_what_senders_send(console: Console, body: dict[str, Any]) -> None:
    validator(console, "job").validate(body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"issue_url": "x", "colour": "red"},
        {"issue_url": "x", "limits": {"max_rounds": 0}},
        {"issue_url": 4},
    ],
)
def test_the_jobs_schema_refuses_what_a_worker_refuses(
    console: Console, body: dict[str, Any]
) -> None:
    assert not validator(console, "job").is_valid(body)


def test_the_events_schema_accepts_both_events(console: Console) -> None:
    schema = validator(console, "event")
    for data in (RESULT, STARTED):
        schema.validate(json.loads(Event.about(data, "2026-01-05T09:00:00.000Z").model_dump_json()))


def test_the_events_schema_refuses_an_unknown_outcome(console: Console) -> None:
    event = json.loads(Event.about(RESULT, "2026-01-05T09:00:00.000Z").model_dump_json())
    event["data"]["outcome"] = "solved"
    assert not validator(console, "event").is_valid(event)


def test_an_unknown_schema_is_refused_with_the_list(console: Console) -> None:
    assert "'job', 'review-job', 'event', 'asyncapi'" in console.refused("schema", "worker")
