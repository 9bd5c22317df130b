import errno
import sqlite3

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from github import BadCredentialsException, GithubException, RateLimitExceededException
from hypothesis import given
from hypothesis import strategies as st
from requests import ConnectionError as RequestsConnectionError
from requests import ReadTimeout

from pipeline.errors import (
    TABLE,
    Family,
    Halt,
    Interrupted,
    LeaseLost,
    Retry,
    Row,
    judge,
    retry_after,
    to_sentence,
    waiting_time,
)
from pipeline.github import ForgeRefused
from pipeline.github.errors import forge_error
from pipeline.model.failures import Failure, ModelError
from pipeline.outcome import Outcome
from repository.git import GitUnavailable
from repository.git.refusals import local_failure, remote_failure


def aws_error(code: str, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutItem")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (GithubException(409, {}, {}), "GitHub answered with an unexpected error"),
        (aws_error("AccessDeniedException"), "AWS refused a request"),
        (sqlite3.OperationalError("database is locked"), "the store's file is locked"),
        (TimeoutError(), "an operation took too long"),
        (ConnectionResetError("reset"), "a connection broke"),
        (FileNotFoundError("gone"), "the worker's machine failed"),
        (GitUnavailable("does not appear to be a git repository"), "git could not fetch"),
    ],
)
def test_error_that_may_be_ours_is_retried_and_counted(error: Exception, message: str):
    verdict = judge(error)
    assert (verdict.family, verdict.counts, verdict.outcome) == (Family.RETRY, True, None)
    assert verdict.reason.startswith(message)


LIMITED = {"message": "You have exceeded a secondary rate limit."}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RateLimitExceededException(403, LIMITED, {}), "GitHub's rate limit"),
        (GithubException(429, LIMITED, {}), "GitHub's rate limit"),
        (GithubException(403, {}, {"Retry-After": "60"}), "GitHub's rate limit"),
        (GithubException(500, {}, {}), "GitHub is failing"),
        (GithubException(502, {"data": "<html>"}, {}), "GitHub is failing"),
        (GithubException(503, {}, {"Retry-After": "60"}), "GitHub is failing"),
        (RequestsConnectionError("no route"), "GitHub could not be reached"),
        (ReadTimeout("30 s"), "GitHub could not be reached"),
        (GitUnavailable("The requested URL returned error: 503"), "git could not reach"),
        (aws_error("ThrottlingException"), "AWS is failing"),
        (aws_error("SlowDown", 503), "AWS is failing"),
        (aws_error("InternalServerError", 500), "AWS is failing"),
        (EndpointConnectionError(endpoint_url="x"), "AWS could not be reached"),
    ],
)
def test_limit_or_outage_of_others_is_a_wait_and_no_try(error: Exception, message: str):
    verdict = judge(error)
    assert (verdict.family, verdict.counts, verdict.outcome) == (Family.WAIT, False, None)
    assert verdict.reason.startswith(message)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        sqlite3.OperationalError("database or disk is full"),
        remote_failure("fetch", 128, "fatal: write error: No space left on device"),
        local_failure("update-index", 128, "error: unable to write file: Disk quota exceeded"),
    ],
)
def test_a_full_disk_is_a_wait_and_no_try(error: Exception):
    verdict = judge(error)
    assert (verdict.family, verdict.counts, verdict.outcome) == (Family.WAIT, False, None)
    assert verdict.reason.startswith("the worker's disk is full")


def test_refused_credentials_are_the_deployments_fault_and_no_try():
    for error in (
        BadCredentialsException(401, {"message": "Bad credentials"}, {}),
        GithubException(401, {"message": "Requires authentication"}, {}),
    ):
        verdict = judge(error)
        assert (verdict.family, verdict.counts) == (Family.CREDENTIALS, False)
        assert "check GITHUB_TOKEN" in verdict.reason


def test_waits_begin_at_a_minute_and_grow():
    waits = [waiting_time(number, None) for number in range(1, 50)]
    assert 60 <= waits[0] <= 75
    assert 120 <= waits[1] <= 150
    assert 240 <= waits[2] <= 300
    assert all(900 <= wait <= 1125 for wait in waits[4:])
    assert waiting_time(1, 3600.0) >= 3600


def test_refusal_of_the_forge_ends_the_run_at_once():
    verdict = judge(ForgeRefused("a ruleset forbids the branch"))
    assert (verdict.family, verdict.outcome) == (Family.STOP, Outcome.FAILED)
    assert "a ruleset forbids the branch" in verdict.reason


def test_unknown_error_is_a_defect():
    for error in (
        ValueError("x"),
        AssertionError(),
        KeyError("k"),
        sqlite3.IntegrityError("twice"),
    ):
        assert judge(error).family is Family.DEFECT
    verdict = judge(ValueError("x"))
    assert "a defect" in verdict.reason and "ValueError" not in verdict.reason
    assert verdict.detail == "ValueError: x"
    assert judge(AssertionError()).detail == "AssertionError: AssertionError"


#: What libraries and servers say, in the worst case.
RAW = 'refused: GithubException: 502 {"message": "Server Error"}\nrequests.exceptions.Exception'


def error_of(row: Row) -> BaseException:
    """Return an error to which the row applies, with a raw text."""

    def raise_nothing(self: Exception, *arguments: object) -> None:
        Exception.__init__(self, RAW)

    namespace = {"__module__": f"{row.package}.x", "__init__": raise_nothing}
    error: Exception = type(row.error, (Exception,), namespace)()
    if row.message.startswith("the worker's disk is full"):
        error.errno = errno.ENOSPC  # type: ignore[attr-defined]
    for status in (200, 401, 429, 503):
        error.status = status  # type: ignore[attr-defined]
        if row.applies(error):
            return error
    text = f"timed out, disk is full {RAW}"
    return type(row.error, (Exception,), {"__module__": f"{row.package}.x"})(text)


def assert_sentence(reason: str) -> None:
    for raw in ("Error:", "Exception", "{", "}", "\n"):
        assert raw not in reason, reason
    assert 5 < len(reason) <= 500


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.error}-{row.message[:20]}")
def test_every_row_gives_a_sentence_and_the_raw_text_as_detail(row: Row):
    verdict = judge(error_of(row))
    assert verdict.family is row.family
    assert_sentence(verdict.reason)
    if row.message:
        assert "502" in verdict.detail


@pytest.mark.parametrize(
    "error",
    [
        KeyError(RAW),
        Retry(RAW),
        Halt(Outcome.FAILED, RAW),
        ForgeRefused(f"GitHub does not allow it (403): {RAW}"),
        forge_error(GithubException(422, {"message": RAW, "errors": [{"message": RAW}]}, {}), "x"),
        forge_error(GithubException(404, {"message": RAW}, {}), "octo/repo does not exist"),
        remote_failure("push", 128, f"remote: {RAW}\nfatal: Authentication failed for 'x'"),
        ModelError(Failure.REFUSED, RAW, charged=False).verdict(),
    ],
)
def test_no_raw_text_reaches_a_reason(error: Exception):
    assert_sentence(judge(error).reason)


@given(st.text(max_size=800))
def test_a_sentence_is_one_line_without_classes_and_json(text: str):
    sentence = to_sentence(f"git failed: {text}")
    assert sentence.startswith("git failed:")
    for raw in ("{", "}", "\n", "\r"):
        assert raw not in sentence
    assert len(sentence) <= 500


def test_own_errors_carry_their_verdict():
    assert judge(LeaseLost("another's")).family is judge(Interrupted()).family is Family.INTERRUPTED
    halt = judge(Halt(Outcome.BUDGET_EXHAUSTED, "all spent"))
    assert (halt.family, halt.outcome, halt.reason) == (
        Family.STOP,
        Outcome.BUDGET_EXHAUSTED,
        "all spent",
    )
    wait = judge(Retry("tomorrow", 3600.0, counts=False))
    assert (wait.family, wait.delay, wait.counts) == (Family.WAIT, 3600.0, False)


def test_long_or_empty_message_becomes_one_short_line():
    assert len(judge(RuntimeError("x" * 10_000 + "\nsecond line")).detail) < 400
    assert "\n" not in judge(RuntimeError("first\nsecond")).detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": 0}, 0.0),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "nan"}, 0.0),
        ({"Retry-After": "inf"}, 3600.0),
        ({"Retry-After": "99999999"}, 3600.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, 0.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}, 3600.0),
        ({"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "99999999999"}, None),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_requested_wait_is_at_most_an_hour(headers: object, seconds: float | None):
    error = GithubException(403, {}, headers)  # type: ignore[arg-type]
    assert retry_after(error) == seconds
    assert judge(error).delay == seconds
