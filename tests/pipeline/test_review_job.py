"""The job type ``address_review``: its identity, and how messages of it are parsed."""

import json

import pytest
from pydantic import ValidationError

from pipeline.job import (
    AddressReviewJob,
    FixIssueJob,
    InvalidJob,
    IssueRef,
    PullRef,
    UnreadableMessage,
    parse_job,
    parse_subject,
)

URL = "https://github.com/octo/repo/pull/7"
PULL = PullRef.parse(URL)


@pytest.mark.parametrize(
    "spelling",
    [
        URL,
        "https://github.com/Octo/Repo/pull/7/files",
        "https://github.com/octo/repo/pull/7/#discussion_r12",
        "  https://github.com:443/octo/repo/pull/7/commits?x=1\n",
    ],
)
def test_every_spelling_of_a_pull_requests_address_is_one_pull_request(spelling: str) -> None:
    assert parse_subject(spelling) == PULL
    assert PULL.label == "octo/repo#7"


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/octo/repo/issues/7",
        "http://github.com/octo/repo/pull/7",
        "https://user@github.com/octo/repo/pull/7",
        "https://github.com/octo/repo/pull/0",
        "https://github.com/octo/repo/pull/7/files/more",
        "https://github.com/octo/../pull/7",
    ],
)
def test_another_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(ValueError, match=r"https://github\.com/OWNER/NAME/pull/N"):
        PullRef.parse(address)


def test_an_issue_stays_an_issue() -> None:
    assert isinstance(parse_subject("https://github.com/octo/repo/issues/7"), IssueRef)


def test_the_same_request_is_the_same_job_and_another_request_is_another() -> None:
    job = AddressReviewJob.of(PULL.url, "review-1")
    again = AddressReviewJob.of(URL + "/files", "review-1", requested_by="ann")
    assert job.id == again.id
    assert job.digest == again.digest
    assert job.exact_digest != again.exact_digest
    assert AddressReviewJob.of(PULL.url, "review-2").id != job.id
    assert FixIssueJob(issue_url="https://github.com/octo/repo/issues/7").id != job.id


def test_a_message_is_read_as_it_was_written_and_names_its_version() -> None:
    job = AddressReviewJob.of(PULL.url, "review-1", limits={"max_cost_usd": 1.0})
    body = json.loads(job.to_json())
    assert parse_job(job.to_json()) == job
    assert body == {
        "schema_version": 2,
        "type": "address_review",
        "pull_request_url": URL,
        "request": "review-1",
        "limits": {"max_cost_usd": 1.0},
    }


def test_a_job_that_names_its_type_is_a_fix_of_an_issue_as_before() -> None:
    url = "https://github.com/octo/repo/issues/7"
    plain = parse_job(json.dumps({"issue_url": url}))
    typed = parse_job(json.dumps({"issue_url": url, "type": "fix_issue", "schema_version": 2}))
    assert typed.id == plain.id
    assert isinstance(typed, FixIssueJob)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "request: Field required"),
        ({"request": ""}, "request: "),
        ({"request": "r", "schema_version": 1}, "schema_version: "),
        ({"request": "r", "issue_url": "x"}, "issue_url: unknown field"),
        ({"request": "r", "options": {"labels": ["x"]}}, "options.labels: unknown field"),
        ({"request": "r", "requested_by": "not a login"}, "requested_by: "),
    ],
)
def test_an_invalid_field_is_named_and_the_pull_request_is_kept(
    fields: dict[str, object], named: str
) -> None:
    message = {"type": "address_review", "pull_request_url": URL, **fields}
    with pytest.raises(InvalidJob) as caught:
        parse_job(json.dumps(message))
    assert named in str(caught.value)
    assert caught.value.subject == PULL


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "address_review", "request": "r"}, "pull_request_url"),
        ({"type": "address_reviews", "pull_request_url": URL}, "type"),
        ({"pull_request_url": URL, "request": "r"}, "issue_url"),
    ],
)
def test_a_message_that_names_no_subject_is_unreadable(
    message: dict[str, object], field: str
) -> None:
    with pytest.raises(UnreadableMessage) as caught:
        parse_job(json.dumps(message))
    assert caught.value.field == field


@pytest.mark.parametrize("login", ["ann", "ann-b", "ann_octo", "coding-agent[bot]"])
def test_logins_of_people_and_apps_are_accepted(login: str) -> None:
    assert AddressReviewJob.of(PULL.url, "r", requested_by=login).requested_by == login


@pytest.mark.parametrize("login", ["-ann", "ann\n", "@ann", "a" * 40, "ann[bot]x"])
def test_what_is_no_login_is_refused(login: str) -> None:
    with pytest.raises(ValidationError):
        AddressReviewJob.of(PULL.url, "r", requested_by=login)
