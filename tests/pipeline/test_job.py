import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.job import (
    MAX_METADATA_BYTES,
    SCHEMA_VERSION,
    FixIssueJob,
    InvalidJob,
    IssueRef,
    NewerSchema,
    NotJson,
    UnreadableMessage,
    derived_job_id,
    parse_job,
    shorten_invalid,
)
from pipeline.job.parsing import MAX_STORED_BYTES

URL = "https://github.com/octo/repo/issues/42"
REVIEWED = {"type": "address_review", "pull_request_url": "https://github.com/octo/repo/pull/42"}


def read_invalid(body: str) -> InvalidJob:
    with pytest.raises(InvalidJob) as caught:
        parse_job(body)
    return caught.value


@pytest.mark.parametrize(
    "spelling",
    [
        URL,
        "https://github.com/Octo/Repo/issues/42",
        "HTTPS://GitHub.com/octo/repo/issues/42/",
        "https://github.com:443/octo/repo/issues/42",
        "https://github.com/octo/repo/issues/42?notification_referrer_id=1",
        "https://github.com/octo/repo/issues/42#issuecomment-7",
        "  https://github.com/octo/repo/issues/42\n",
    ],
)
def test_every_spelling_of_an_issues_address_is_one_issue_and_one_job(spelling: str):
    ref = IssueRef.parse(spelling)
    assert ref == IssueRef(url=URL, host="github.com", owner="octo", name="repo", number=42)
    assert ref.repository == "octo/repo"
    job = FixIssueJob(issue_url=spelling)
    assert (job.id, job.digest) == (
        FixIssueJob(issue_url=URL).id,
        FixIssueJob(issue_url=URL).digest,
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "42",
        "octo/repo#42",
        "http://github.com/octo/repo/issues/42",
        "https://github.com/octo/repo",
        "https://github.com/octo/repo/issues",
        "https://github.com/octo/repo/issues/0",
        "https://github.com/octo/repo/issues/1x",
        "https://github.com/octo/repo/issues/99999999999",
        "https://github.com/octo/../issues/1",
        "https://github.com/octo/./issues/1",
        "https://github.com/-octo/repo/issues/1",
        "https://github.com/octo/re%2Fpo/issues/1",
        "https://user:secret@github.com/octo/repo/issues/1",
        "https://github.com:99999/octo/repo/issues/1",
        "https://[::1/octo/repo/issues/1",
        "file://host/folder/issues/1",
        "file:///folder/issues/1%0a",
    ],
)
def test_other_addresses_are_refused(address: str):
    with pytest.raises(ValueError, match=r"."):
        IssueRef.parse(address)


def test_a_pull_requests_address_is_refused_with_a_hint():
    with pytest.raises(ValueError, match="is a pull request's address; give an issue's"):
        IssueRef.parse("https://github.com/octo/repo/pull/42")


def test_every_owner_and_repository_name_of_github_is_accepted():
    assert (
        IssueRef.parse("https://github.com/mona_acme/.github/issues/1").repository
        == "mona_acme/.github"
    )
    assert (
        IssueRef.parse("https://ghe.example.com:8443/a/b_c.d/issues/1").host
        == "ghe.example.com:8443"
    )


def test_a_local_repository_has_an_address_too():
    ref = IssueRef.parse("file:///home/me/my%20repo/issues/7")
    assert (ref.host, ref.repository, ref.number) == ("file", "local/my repo", 7)


def test_the_derived_id_never_changes():
    assert (
        FixIssueJob(issue_url=URL).id
        == "d7e04176-80c2-5d51-806a-c5696b8abbc3"
        == derived_job_id(URL, None)
    )


@pytest.mark.parametrize("name", ["feature/#12", "release/1.0+x", "größe", "@", "@types/x"])
def test_a_base_branch_has_any_name_that_git_accepts(name: str):
    assert FixIssueJob(issue_url=URL, base_branch=name).base_branch == name


def test_another_base_branch_is_another_job_and_an_explicit_id_is_kept():
    ids = {
        FixIssueJob(issue_url=URL, base_branch=branch).id
        for branch in (None, "main", "release/1.x")
    }
    assert len(ids) == 3
    assert FixIssueJob(issue_url=URL, base_branch="main", job_id="mine:1").id == "mine:1"


def test_a_replay_is_the_same_job_and_other_fields_make_another_body():
    plain = FixIssueJob(issue_url=URL)
    replay = FixIssueJob.model_validate(
        {"issue_url": URL, "replay": {"id": "r1", "from_stage": "apply_patch"}}
    )
    limited = FixIssueJob.model_validate({"issue_url": URL, "limits": {"max_rounds": 1}})
    timed = FixIssueJob.model_validate({"issue_url": URL, "requested_at": "2026-01-05T09:00:00Z"})
    traced = FixIssueJob(issue_url=URL, metadata={"traceparent": "00-ab-cd-01"})
    assert plain.digest == replay.digest == timed.digest == traced.digest != limited.digest
    assert plain.digest == FixIssueJob(issue_url=URL, schema_version=1, metadata={}).digest
    assert plain.exact_digest == replay.exact_digest == traced.exact_digest != timed.exact_digest


def test_other_metadata_make_another_body():
    labelled = FixIssueJob(issue_url=URL, metadata={"team": "a"})
    traced = FixIssueJob(issue_url=URL, metadata={"team": "a", "traceparent": "00-ab-cd-01"})
    assert labelled.digest == traced.digest != FixIssueJob(issue_url=URL).digest


def test_a_job_is_read_back_from_its_json():
    body = {
        "issue_url": URL,
        "job_id": "a",
        "base_branch": "main",
        "requested_at": "2026-01-05T09:00:00Z",
        "replay": {"id": "x"},
        "limits": {"max_cost_usd": 0.5},
        "options": {"draft": True, "labels": ["bug"], "reviewers": ["mona_acme"]},
        "metadata": {"team": "blü"},
        "callback_topic_arn": "arn:aws:sns:eu-central-1:123456789012:events",
    }
    job = parse_job(json.dumps(body))
    assert parse_job(job.to_json()) == job
    assert json.loads(job.to_json()) == body


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"urgent": True}, "urgent: unknown field"),
        ({"options": {"daft": True}}, "options.daft: unknown field"),
        ({"limits": {"max_cost_usd": -1}}, "limits.max_cost_usd: "),
        ({"limits": {"max_cost_usd": float("nan")}}, "limits.max_cost_usd: "),
        ({"limits": {"max_minutes": float("inf")}}, "limits.max_minutes: "),
        ({"limits": {"max_rounds": 0}}, "limits.max_rounds: "),
        ({"replay": {"id": ""}}, "replay.id: "),
        ({"metadata": {"n": 1}}, "metadata.n: "),
        ({"metadata": {"n": "x" * (MAX_METADATA_BYTES + 1)}}, "metadata: "),
        ({"callback_topic_arn": "https://evil.example"}, "callback_topic_arn: "),
        ({"base_branch": "a..b"}, "base_branch: "),
        ({"requested_at": 1767603600}, "requested_at: '1767603600' is not a time with an offset"),
        ({"requested_at": "2026-01-05"}, "requested_at: '2026-01-05' is not a time with an offset"),
        ({"requested_at": "2026-01-05T09:00:00"}, "such as 2026-11-30T09:00:00Z"),
        ({"requested_at": "2026-13-05T09:00:00Z"}, "requested_at: "),
        ({"base_branch": "-x"}, "base_branch: "),
        ({"base_branch": "main\n"}, "base_branch: "),
        ({"base_branch": "a b"}, "base_branch: "),
        ({"base_branch": ""}, "base_branch: "),
        ({"base_branch": "a\ud800"}, "base_branch: "),
        ({"base_branch": "refs/heads/main.lock"}, "base_branch: "),
        ({"job_id": "../../etc"}, "job_id: "),
        ({"schema_version": 0}, "schema_version: "),
    ],
)
def test_an_invalid_field_is_named_in_one_line_and_the_issue_is_kept(
    fields: dict[str, object], named: str
):
    with pytest.raises(InvalidJob) as caught:
        parse_job(json.dumps({"issue_url": URL} | fields))
    assert named in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.subject.url == URL
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", caught.value.job_id)


def test_an_invalid_job_keeps_its_own_id_and_metadata():
    body = {"issue_url": URL, "job_id": "mine", "metadata": {"team": "a"}, "nope": 1}
    with pytest.raises(InvalidJob) as caught:
        parse_job(json.dumps(body))
    assert (caught.value.job_id, caught.value.metadata) == ("mine", {"team": "a"})


def test_metadata_that_no_event_could_carry_is_dropped():
    for metadata in ({"x": "\ud800"}, {"x": "y" * (MAX_METADATA_BYTES + 1)}, {"x": 1}, "text"):
        with pytest.raises(InvalidJob) as caught:
            parse_job(json.dumps({"issue_url": URL, "metadata": metadata, "nope": 1}))
        assert caught.value.metadata == {}


def test_thousands_of_unknown_fields_make_a_short_message():
    with pytest.raises(InvalidJob) as caught:
        parse_job(json.dumps({"issue_url": URL} | {"x" * 500 + str(n): n for n in range(2_000)}))
    assert len(str(caught.value)) < 5_000
    assert "and 1990 more" in str(caught.value)


@pytest.mark.parametrize("subject", [{"issue_url": URL}, REVIEWED])
def test_a_long_invalid_job_is_shortened_to_another_about_the_same(subject: dict[str, str]):
    def shorten(noise: str) -> tuple[str, InvalidJob]:
        body = json.dumps({**subject, "job_id": "j", "noise": noise})
        error = read_invalid(body)
        return shorten_invalid(body, error), error

    shortened, error = shorten("x" * MAX_STORED_BYTES)
    assert len(shortened) < 1_000
    read_back = read_invalid(shortened)
    assert (read_back.job_id, read_back.subject) == (error.job_id, error.subject)
    assert shorten_invalid(shortened, read_back) == shortened
    assert shorten("y" * MAX_STORED_BYTES)[0] != shortened
    short_body = json.dumps({**subject, "colour": "red"})
    assert shorten_invalid(short_body, read_invalid(short_body)) == short_body


def test_a_message_without_an_issue_is_not_a_job():
    for body in (
        "",
        "nonsense",
        "[]",
        '"text"',
        "null",
        "{}",
        '{"issue_url": 7}',
        b"\xff\xfe",
        "[" * 100_000,
    ):
        with pytest.raises(UnreadableMessage):
            parse_job(body)
    with pytest.raises(UnreadableMessage, match="is a pull request's address"):
        parse_job(json.dumps({"issue_url": "https://github.com/octo/repo/pull/1"}))


def in_sns(message: str) -> dict[str, object]:
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:jobs",
        "Message": message,
        "Timestamp": "2026-11-30T09:00:00.000Z",
        "SignatureVersion": "1",
        "MessageAttributes": {"a": {"Type": "String", "Value": "b"}},
    }


def in_eventbridge(detail: object) -> dict[str, object]:
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "fix",
        "source": "backend",
        "account": "123456789012",
        "resources": [],
        "detail": detail,
    }


def test_a_job_in_the_envelope_of_sns_or_eventbridge_is_the_job_inside():
    job = {"issue_url": URL, "metadata": {"ticket": "7"}}
    plain = parse_job(json.dumps(job))
    through_both = in_sns(json.dumps(in_eventbridge(job)))
    for envelope in (in_sns(json.dumps(job)), in_eventbridge(job), through_both):
        received = parse_job(json.dumps(envelope))
        assert received == plain
        assert (received.id, received.digest) == (plain.id, plain.digest)


def test_what_is_wrong_inside_an_envelope_is_said_as_without_it():
    with pytest.raises(InvalidJob, match="priority: unknown field"):
        parse_job(json.dumps(in_sns(json.dumps({"issue_url": URL, "priority": 1}))))
    with pytest.raises(NotJson, match="in the envelope of SNS is not JSON"):
        parse_job(json.dumps(in_sns("Hello")))
    for envelope in (in_sns("{}"), in_sns("[]"), in_eventbridge("text"), in_eventbridge(None)):
        with pytest.raises(UnreadableMessage):
            parse_job(json.dumps(envelope))


def test_a_newer_schema_is_recognized_with_unknown_fields():
    with pytest.raises(
        NewerSchema, match=f"schema_version {SCHEMA_VERSION + 1} is newer than this worker's"
    ):
        parse_job(json.dumps({"schema_version": SCHEMA_VERSION + 1, "address": {"new": "shape"}}))


def test_a_job_is_immutable():
    with pytest.raises(ValidationError):
        FixIssueJob(issue_url=URL).job_id = "other"  # type: ignore[misc]


_ERRORS = (UnreadableMessage, NewerSchema, InvalidJob)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from([*FixIssueJob.model_fields, "x", "\ud800"])


def _check(body: str | bytes) -> None:
    try:
        job = parse_job(body)
    except InvalidJob as error:
        # The message and the metadata can be stored and sent.
        json.dumps([str(error), error.metadata], ensure_ascii=False).encode()
        assert str(error)
    except _ERRORS as error:
        assert str(error)
    else:
        assert parse_job(job.to_json()) == job


@settings(deadline=None, max_examples=150)
@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_job_or_one_of_three_errors(body: bytes):
    _check(body)


@settings(deadline=None, max_examples=250)
@given(st.dictionaries(_FIELDS, _JSON, max_size=4), st.booleans())
def test_any_json_is_a_job_or_one_of_three_errors(fields: dict[str, object], named: bool):
    _check(json.dumps(fields | ({"issue_url": URL} if named else {})))
