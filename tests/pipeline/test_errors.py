import sqlite3

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from github import BadCredentialsException, GithubException, RateLimitExceededException
from requests import ConnectionError as RequestsConnectionError

from pipeline.errors import Family, Halt, Interrupted, LeaseLost, Retry, judge, retry_after
from pipeline.github import ForgeRefused
from pipeline.outcome import Outcome


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RateLimitExceededException(403, {}, {}), "GitHub's rate limit"),
        (BadCredentialsException(401, {}, {}), "check GITHUB_TOKEN"),
        (GithubException(502, {}, {}), "GitHub answered with an error"),
        (RequestsConnectionError("no route"), "GitHub could not be reached"),
        (ClientError({"Error": {"Code": "Throttling"}}, "PutItem"), "AWS answered with an error"),
        (EndpointConnectionError(endpoint_url="x"), "AWS could not be reached"),
        (sqlite3.OperationalError("database is locked"), "the store is locked"),
        (TimeoutError(), "a time-out"),
        (ConnectionResetError("reset"), "a connection broke"),
        (FileNotFoundError("gone"), "the machine refused"),
        (OSError(28, "No space left on device"), "the machine refused"),
    ],
)
def test_temporary_error_is_retried_and_counted(error: Exception, message: str):
    verdict = judge(error)
    assert (verdict.family, verdict.counts, verdict.outcome) == (Family.RETRY, True, None)
    assert message in verdict.reason


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
    assert judge(AssertionError()).reason == "a defect: AssertionError: AssertionError"


def test_own_errors_carry_their_verdict():
    assert judge(LeaseLost("another's")).family is judge(Interrupted()).family is Family.INTERRUPTED
    halt = judge(Halt(Outcome.BUDGET_EXHAUSTED, "all spent"))
    assert (halt.family, halt.outcome, halt.reason) == (
        Family.STOP,
        Outcome.BUDGET_EXHAUSTED,
        "all spent",
    )
    wait = judge(Retry("tomorrow", 3600.0, counts=False))
    assert (wait.family, wait.delay, wait.counts) == (Family.RETRY, 3600.0, False)


def test_long_or_empty_message_becomes_one_short_line():
    assert len(judge(RuntimeError("x" * 10_000 + "\nsecond line")).reason) < 400
    assert "\n" not in judge(RuntimeError("first\nsecond")).reason


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
