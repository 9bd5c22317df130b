"""Authentication, bodies, and the parts that every response has."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import telemetry
from pipeline.api.body import MAX_BODY
from pipeline.api.health import Degraded
from pipeline.api.keys import ADDRESS_BURST, KEY_BURST
from pipeline.job import AddressReviewJob, FixIssueJob
from tests.pipeline.api.conftest import ALICE, BOB, ISSUE, Service
from tests.stand_ins.odd_messages import bodies

JSON = ALICE | {"Content-Type": "application/json"}


def raw(service: Service, body: bytes, headers: dict[str, str] = JSON) -> Any:
    return service.http.post("/fix-issue", content=body, headers=headers)


# Keys


@pytest.mark.parametrize(
    "key",
    [None, "", "wrong", "alice", "alice=alice-secret-key", "alice-secret-key,", "ключ".encode()],
)
@pytest.mark.parametrize(
    "call", [("POST", "/fix-issue"), ("GET", "/jobs/x"), ("POST", "/jobs/x/cancel")]
)
def test_call_without_a_valid_key_is_a_401(service: Service, key: Any, call: tuple[str, str]):
    answer = service.http.request(
        *call, headers={} if key is None else {"X-API-Key": key}, json={"issue_url": ISSUE}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("ApiKey")
    assert service.sent == []


def test_service_without_keys_refuses_every_call_and_says_why(service: Service):
    service.keys = ""
    for headers in ({}, ALICE, {"X-API-Key": ""}):
        answer = service.post(headers=headers)
        assert answer.status_code == 401
        assert "CODING_AGENT_API_KEYS" in answer.json()["error"]["message"]


def test_each_of_several_keys_is_accepted(service: Service):
    for number, key in enumerate(
        ("alice-secret-key", "alice-next-key", "bob-secret-key", "a-bare-secret-key"), 1
    ):
        body = {"issue_url": f"https://github.com/octo/repo/issues/{number}"}
        assert service.post(body, {"x-api-key": key}).status_code == 202
    owners = {run.issue_url[-1]: run.owner for run in service.store.runs()}
    assert owners == {"1": "alice", "2": "alice", "3": "bob", "4": "default"}


def test_key_that_calls_too_often_waits_but_others_do_not(service: Service):
    answers = [service.http.get("/jobs/x", headers=ALICE).status_code for _ in range(KEY_BURST + 1)]
    assert answers == [404] * KEY_BURST + [429]
    refused = service.post()
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
    assert service.sent == []
    assert service.post(headers=BOB).status_code == 202
    service.ticks.now += int(refused.headers["Retry-After"])
    assert service.http.get("/jobs/x", headers=ALICE).status_code == 404


def test_guessing_keys_is_slowed_down_without_locking_out_valid_keys(service: Service):
    wrong = {"X-API-Key": "guess"}
    answers = [
        service.http.get("/jobs/x", headers=wrong).status_code for _ in range(ADDRESS_BURST + 1)
    ]
    assert answers == [401] * ADDRESS_BURST + [429]
    assert service.post().status_code == 202


def test_body_is_not_parsed_without_a_valid_key(service: Service, monkeypatch: pytest.MonkeyPatch):
    def parse(body: str) -> FixIssueJob:
        raise AssertionError("the body was parsed")

    monkeypatch.setattr("pipeline.api.body.parse_job", parse)
    assert raw(service, b"{", {"Content-Type": "application/json"}).status_code == 401


# Bodies


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (b"", None, "not JSON"),
        (b"{", None, "not JSON"),
        (b"\xff\xfe{}", None, "not JSON"),
        (json.dumps({"issue_url": ISSUE}).encode("utf-16"), None, "not JSON"),
        (b"[" * 100_000, None, "not JSON"),
        (b'{"a":' * 20_000, None, "not JSON"),
        (b"[]", None, "JSON list"),
        (b'"x"', None, "JSON str"),
        (b"{}", "issue_url", "issue's address"),
        (b'{"issue_url": "https://github.com/octo/repo/pull/1"}', "issue_url", "pull request"),
        (b'{"issue_url": "\\ud800"}', "issue_url", "a character that no address has"),
        (
            b'{"issue_url": "%s", "limits": {"max_cost_usd": NaN}}',
            "limits.max_cost_usd",
            "less than",
        ),
        (
            b'{"issue_url": "%s", "limits": {"max_cost_usd": -Infinity}}',
            "limits.max_cost_usd",
            "greater than",
        ),
        (
            b'{"issue_url": "%s", "limits": {"max_cost_usd": 1e999}}',
            "limits.max_cost_usd",
            "less than",
        ),
        (b'{"issue_url": "%s", "limits": {"max_rounds": ' + b"9" * 5000 + b"}}", None, "not JSON"),
        (b'{"issue_url": "%s", "limits": {"max_rounds": 0}}', "limits.max_rounds", "greater than"),
        (b'{"issue_url": "%s", "schema_version": 99}', "schema_version", "newer"),
        (b'{"issue_url": "%s", "colour": "red"}', "colour", "unknown field"),
        (b'{"issue_url": "%s", "\\ud800": 1}', None, "unicode string"),
        (b'{"issue_url": "%s", "job_id": "../x"}', "job_id", "pattern"),
        (b'{"issue_url": "%s", "metadata": {"a": "\\udfff"}}', "metadata", "surrogates"),
        (b'{"issue_url": "%s", "metadata": {"a": "\\uffff"}}', "metadata", "SQS"),
        (b'{"issue_url": "%s", "metadata": {"a": 1}, "colour": 1}', "metadata.a", "colour"),
    ],
)
def test_invalid_job_is_a_422_that_names_the_field(
    service: Service, body: bytes, field: str | None, message: str
):
    answer = raw(service, body.replace(b"%s", ISSUE.encode()))
    error = answer.json()["error"]
    assert answer.status_code == 422
    assert error.get("field") == field
    assert message in error["message"]
    assert len(error["message"]) <= 2000
    assert service.sent == []
    assert service.store.runs() == []


def test_body_over_the_limit_is_a_413_for_any_length_header(service: Service):
    fits = json.dumps({"issue_url": ISSUE}).encode().ljust(MAX_BODY)
    assert raw(service, fits).status_code == 202

    def chunks() -> Iterator[bytes]:
        yield from (b" " * 1000 for _ in range(MAX_BODY // 1000 + 2))

    answers = [
        raw(service, fits + b" "),
        raw(service, fits + b" ", JSON | {"Content-Length": "10"}),
        service.http.post("/fix-issue", content=chunks(), headers=JSON),
    ]
    assert [(a.status_code, a.json()["error"]["code"]) for a in answers] == [(413, "too_large")] * 3


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_body_of_another_media_type_is_a_415(service: Service, headers: dict[str, str]):
    answer = raw(service, b'{"issue_url": "x"}', ALICE | headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


def test_content_type_may_have_a_charset(service: Service):
    body = json.dumps({"issue_url": ISSUE}).encode()
    assert (
        raw(service, body, ALICE | {"Content-Type": "Application/JSON; charset=utf-8"}).status_code
        == 202
    )


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
FIELDS = st.sampled_from([*FixIssueJob.model_fields, "id", "max_rounds", "draft", "labels"])
NEARLY = st.dictionaries(FIELDS, HOSTILE | st.dictionaries(FIELDS, HOSTILE, max_size=2), max_size=5)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=st.binary(max_size=50)
    | HOSTILE.map(lambda value: json.dumps(value).encode())
    | NEARLY.map(lambda value: json.dumps({"issue_url": ISSUE} | value).encode())
    | bodies().map(str.encode)
)
def test_no_body_makes_the_service_fail(service: Service, body: bytes):
    service.ticks.now += 1
    answer = raw(service, body)
    assert answer.status_code in (202, 409, 422), answer.text
    assert set(answer.json()) >= (
        {"job_id"} if answer.status_code == 202 else {"error", "request_id"}
    )


@settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    path=st.text(max_size=30),
    method=st.sampled_from(["GET", "POST", "DELETE", "HEAD", "PATCH"]),
    given=st.binary(max_size=20),
)
def test_no_path_and_no_header_makes_the_service_fail(
    service: Service, path: str, method: str, given: bytes
):
    from urllib.parse import quote

    service.ticks.now += 1
    sent = {
        b"X-API-Key": b"alice-secret-key",
        b"X-Request-Id": given,
        b"Host": given.replace(b"\n", b"") or b"x",
    }
    answer = service.http.request(
        method, "/jobs/" + quote(path, safe="/"), headers=list(sent.items())
    )
    assert answer.status_code in (404, 405, 422)
    assert method == "HEAD" or set(answer.json()) == {"error", "request_id"}


# Every response


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/docs", 404, "not_found"),
        ("GET", "/redoc", 404, "not_found"),
        ("POST", "/fix-issue/", 404, "not_found"),
        ("GET", "/fix-issue", 405, "method_not_allowed"),
        ("DELETE", "/jobs/x", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
    ],
)
def test_error_has_one_shape_even_without_a_route(
    service: Service, method: str, path: str, status: int, code: str
):
    answer = service.http.request(method, path, headers=ALICE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [("Abc-1.2_3", True), ("a b", False), ("", False), ("x" * 129, False), ("<x>", False)],
)
def test_safe_request_id_is_kept_and_any_other_is_replaced(
    service: Service, sent: str, is_kept: bool
):
    answer = service.http.get("/health", headers={"X-Request-Id": sent})
    request_id = answer.headers["X-Request-Id"]
    assert request_id
    assert (request_id == sent) is is_kept


def test_responses_are_not_to_be_stored_or_sniffed(service: Service):
    for answer in (service.post(), service.http.get("/nothing"), service.http.get("/openapi.json")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"Host": "agent.example", "X-Forwarded-Proto": "https"}, "https://agent.example"),
        ({"Host": "[::1]:80"}, "http://[::1]:80"),
        ({"Host": "agent.example", "X-Forwarded-Proto": "javascript"}, "http://agent.example"),
        ({"Host": "evil/x?"}, ""),
    ],
)
def test_status_url_uses_the_address_that_the_caller_used(
    service: Service, headers: dict[str, str], base: str
):
    accepted = service.post(headers=ALICE | headers).json()
    assert accepted["status_url"] == f"{base}/jobs/{accepted['job_id']}"


def test_request_is_one_log_line_that_names_the_key_and_holds_no_secret(
    service: Service, stream: io.StringIO
):
    telemetry.configure(stream=stream)
    service.post(
        {"issue_url": ISSUE, "metadata": {"note": "private-words"}}, ALICE | {"X-Request-Id": "r-1"}
    )
    service.http.get("/jobs/some-job", headers=BOB)
    service.http.get("/private-address")
    service.post(headers={"X-API-Key": "nearly-alice-secret"})
    own_lines = [
        line for line in stream.getvalue().splitlines() if "pipeline.api" in line
    ]  # httpx logs its own lines
    lines = [json.loads(line) for line in own_lines]
    requests = [(line["method"], line["path"], line["status"], line["key"]) for line in lines]
    assert requests == [
        ("POST", "/fix-issue", 202, "alice"),
        ("GET", "/jobs/{job_id}", 404, "bob"),
        ("GET", "-", 404, "-"),
        ("POST", "/fix-issue", 401, "-"),
    ]
    assert lines[0]["request_id"] == "r-1" and lines[0]["ms"] >= 0
    assert not any(
        secret in line for line in own_lines for secret in ("secret", "private", "issues/42")
    )


def test_openapi_document_has_the_job_schema_and_no_dangling_reference(
    service: Service,
):
    document = service.http.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/health",
        "/ready",
        "/fix-issue",
        "/address-review",
        "/jobs/{job_id}",
        "/jobs/{job_id}/cancel",
        "/webhook/github",
    }
    schemas = document["components"]["schemas"]
    for path, job in (("/fix-issue", FixIssueJob), ("/address-review", AddressReviewJob)):
        assert set(schemas[job.__name__]["properties"]) == set(job.model_fields)
        content = document["paths"][path]["post"]["requestBody"]["content"]
        reference = {"$ref": f"#/components/schemas/{job.__name__}"}
        assert content["application/json"]["schema"] == reference
    assert document["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
    named = {
        part.split('"')[0] for part in json.dumps(document).split('"#/components/schemas/')[1:]
    }
    assert named <= set(schemas)


# /health and /ready


def test_health_needs_no_key_but_running_loops(service: Service):
    service.queue_is_down()
    answer = service.http.get("/health")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ok", "seconds_since": {"poll": 1.0, "heartbeat": 2.0}},
    )


def test_health_of_a_paused_worker_is_good_and_says_why(service: Service):
    service.paused = "GitHub refused the credentials (401): check GITHUB_TOKEN"
    answer = service.http.get("/health")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reason"]) == ("paused", service.paused)


def test_health_names_a_stuck_loop_and_since_when(service: Service):
    service.vitals = {"poll": 300.0, "heartbeat": 2.0}
    answer = service.http.get("/health")
    message = answer.json()["error"]["message"]
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unhealthy")
    assert "poll" in message and "2001-09-09T01:41:40Z" in message and "heartbeat" not in message


def test_ready_names_failing_checks_without_secrets_and_caches_them(service: Service):
    checks: list[str] = []

    async def queue() -> None:
        checks.append("queue")
        raise ConnectionError("https://sqs.example/private-account refused")

    async def store() -> None:
        checks.append("store")

    service.checks = {"queue": queue, "store": store}
    for _ in range(2):
        answer = service.http.get("/ready")
        assert (answer.status_code, answer.json()["error"]["message"]) == (
            503,
            "queue: a connection broke",
        )
    assert checks == ["queue", "store"]
    service.ticks.now += 6
    service.http.get("/ready")
    assert len(checks) == 4


def test_ready_waits_for_a_check_only_up_to_its_limit(
    service: Service, monkeypatch: pytest.MonkeyPatch
):
    import asyncio

    async def hangs() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("pipeline.api.health.CHECK_SECONDS", 0.01)
    service.checks = {"sandbox": hangs, "credentials": hangs}
    assert (
        service.http.get("/ready").json()["error"]["message"]
        == "sandbox: no answer in 0.01 seconds; credentials: no answer in 0.01 seconds"
    )
    service.checks.clear()
    service.ticks.now += 6
    assert service.http.get("/ready").json()["status"] == "ready"


def test_ready_says_what_does_not_work_although_jobs_can_run(service: Service):
    async def sandbox() -> Degraded:
        return Degraded("its own servers can't be reached")

    async def store() -> None:
        return

    service.checks = {"sandbox": sandbox, "store": store}
    for _ in range(2):
        answer = service.http.get("/ready")
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ready",
            "checks": ["sandbox", "store"],
            "degraded": {"sandbox": "its own servers can't be reached"},
        }
    service.checks["sandbox"] = store
    service.ticks.now += 6
    assert "degraded" not in service.http.get("/ready").json()
