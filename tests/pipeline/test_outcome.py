import json

from pipeline.outcome import Event, Facts, Outcome, RunResult, RunStarted, Verification


def finished(**fields: object) -> RunResult:
    defaults = {
        "job_id": "a",
        "generation": 0,
        "issue_url": "https://github.com/octo/repo/issues/1",
        "repository": "octo/repo",
        "outcome": Outcome.PR_OPENED,
        "reason": "done",
        "trace": "t",
    }
    return RunResult.model_validate(defaults | fields)


def started(**fields: object) -> RunStarted:
    defaults = {
        "job_id": "a",
        "generation": 0,
        "issue_url": "u",
        "repository": "octo/repo",
        "trace": "t",
    }
    return RunStarted.model_validate(defaults | fields)


def test_the_outcomes_are_a_closed_list():
    assert {outcome.value for outcome in Outcome} == {
        "pr_opened",
        "pr_updated",
        "no_fix",
        "proposed",
        "no_change_needed",
        "needs_info",
        "rejected",
        "budget_exhausted",
        "cancelled",
        "failed",
    }


def test_a_place_in_a_trace_is_an_extension_and_an_attribute_of_the_message():
    sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    event = Event.about(finished(), "2001-09-09T01:46:40.000Z", sent)
    assert json.loads(event.model_dump_json())["traceparent"] == sent
    assert event.attributes["traceparent"] == sent
    assert "traceparent" not in Event.about(finished(), "2001-09-09T01:46:40.000Z").attributes


def test_an_event_is_cloudevents_json_with_flat_data():
    event = json.loads(Event.about(finished(), "2001-09-09T01:46:40.000Z").model_dump_json())
    assert {k: v for k, v in event.items() if k not in ("id", "data")} == {
        "specversion": "1.0",
        "source": "/coding-agent",
        "type": "run.finished",
        "subject": "a/0",
        "time": "2001-09-09T01:46:40.000Z",
        "datacontenttype": "application/json",
    }
    assert set(event["data"]) == {
        "job_id",
        "generation",
        "issue_url",
        "repository",
        "outcome",
        "reason",
        "verification",
        "pull_request_url",
        "pull_request_number",
        "branch",
        "base_sha",
        "rounds",
        "cost_usd",
        "seconds",
        "model",
        "strategy",
        "template_set",
        "templates",
        "metadata",
        "artifacts",
        "trace",
    }
    assert set(event) <= set(Event.model_fields)


def test_an_events_id_depends_only_on_the_run_and_the_type():
    first = Event.about(finished(), "2001-09-09T01:46:40.000Z")
    later = Event.about(
        finished(outcome=Outcome.FAILED, reason="other"), "2031-01-01T00:00:00.000Z"
    )
    assert first.id == later.id
    others = [
        finished(generation=1),
        finished(job_id="b"),
        started(),
        started(generation=1),
        finished(job_id="a/0"),
    ]
    assert len({first.id, *(Event.about(data, "t").id for data in others)}) == 6


def test_subscribers_filter_by_outcome_repository_and_type():
    assert Event.about(finished(), "t").attributes == {
        "type": "run.finished",
        "repository": "octo/repo",
        "outcome": "pr_opened",
    }
    assert Event.about(started(), "t").attributes == {
        "type": "run.started",
        "repository": "octo/repo",
    }


def test_an_event_read_back_is_the_one_written():
    for data in (finished(metadata={"a": "b"}), started()):
        event = Event.about(data, "t")
        assert Event.model_validate_json(event.model_dump_json()) == event


def test_later_facts_win_and_artifacts_are_collected():
    early = Facts(
        base_sha="a", branch="one", templates={"a": "1"}, artifacts={"patch": "1", "log": "2"}
    )
    late = Facts(
        branch="two",
        verification=Verification.RED_TO_GREEN,
        templates={"b": "2"},
        artifacts={"patch": "3"},
    )
    assert early.merged(late) == Facts(
        base_sha="a",
        branch="two",
        verification=Verification.RED_TO_GREEN,
        templates={"a": "1", "b": "2"},
        artifacts={"patch": "3", "log": "2"},
    )
    assert early.merged(Facts()) == early
