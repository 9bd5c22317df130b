"""GitHub's limits are waits, in each of the forms in which it tells of them.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from github import GithubException

from pipeline.errors import Family, judge, waiting_time
from pipeline.github.errors import forge_error
from pipeline.github.rest import GithubForge
from pipeline.job import IssueRef
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn

REF = IssueRef.parse("https://github.com/octo/sample/issues/1")
PRIMARY = "API rate limit exceeded for user ID 1."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes."
FAR_AWAY = "4102444800"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("octo/sample", {"a.txt": "a\n"})
        yield server


@pytest.mark.parametrize(
    ("status", "message", "headers", "delay"),
    [
        (403, SECONDARY, {"Retry-After": "120"}, 120.0),
        (429, SECONDARY, {"Retry-After": "120"}, 120.0),
        (403, SECONDARY, {}, None),
        (429, SECONDARY, {}, None),
        (403, PRIMARY, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": FAR_AWAY}, 3600.0),
        (429, PRIMARY, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": FAR_AWAY}, 3600.0),
        (403, PRIMARY, {}, None),
    ],
)
def test_a_limit_of_rest_is_a_wait_as_long_as_github_asks(
    github: GithubStandIn, status: int, message: str, headers: dict[str, str], delay: float | None
) -> None:
    github.fail_next("GET", "/repos/octo/sample$", status=status, message=message, headers=headers)
    with pytest.raises(Exception, match="rate limit") as limited:
        GithubForge(github.connect(WRITE_TOKEN)).repository(REF)
    verdict = judge(limited.value)
    assert (verdict.family, verdict.counts, verdict.delay) == (Family.WAIT, False, delay)
    assert waiting_time(1, verdict.delay) >= 60, "GitHub asks for at least a minute"


def graphql_error(message: str, kind: str | None = None, **headers: str) -> Exception:
    """Return the error that PyGithub raises for GraphQL's answer, which has the status 200."""
    detail: dict[str, Any] = {"message": message}
    if kind is not None:
        detail["type"] = kind
    error = GithubException(400, {"data": None, "errors": [detail]}, headers)
    return forge_error(error, "missing")


def test_a_limit_of_graphql_is_a_wait_too() -> None:
    errors = [
        graphql_error("API rate limit exceeded", "RATE_LIMITED"),
        graphql_error("API rate limit already exceeded", "RATE_LIMIT"),
        graphql_error(SECONDARY),
    ]
    for error in errors:
        verdict = judge(error)
        assert (verdict.family, verdict.counts) == (Family.WAIT, False)
        assert verdict.reason == "GitHub's rate limit is reached"
    until_reset = graphql_error(
        "Exceeded", "RATE_LIMITED", **{"x-ratelimit-remaining": "0", "x-ratelimit-reset": FAR_AWAY}
    )
    assert judge(until_reset).delay == 3600.0


def test_a_query_that_github_could_not_execute_in_time_is_waited_for() -> None:
    failed = graphql_error("Something went wrong while executing your query on 2026-01-05.")
    assert judge(failed).family is Family.WAIT


def test_a_missing_permission_of_graphql_is_a_refusal() -> None:
    for kind in ("FORBIDDEN", "INSUFFICIENT_SCOPES"):
        assert judge(graphql_error("Resource not accessible", kind)).family is Family.STOP
