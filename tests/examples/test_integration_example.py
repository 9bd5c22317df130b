"""The example that a backend copies: against moto, a loopback server, the real HTTP intake, and a
signer of our own.
"""

import asyncio
import base64
import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from pipeline.api.app import create_app
from pipeline.api.health import Liveness
from pipeline.api.intake import Intake
from pipeline.api.keys import ApiKeys
from pipeline.api.server import listen, serve
from pipeline.api_keys import parse_keys
from pipeline.clock import Clock
from pipeline.job import parse_job
from pipeline.outcome import Event, Outcome
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.aws import Aws
from tests.stand_ins.runs import claim, finish, result_of

FILE = Path(__file__).parents[2] / "examples/integration_example.py"
ISSUE = "https://github.com/octo/repo/issues/42"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:events"
HOST = "https://sns.eu-central-1.amazonaws.com"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("integration_example", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def event(tmp_path: Path) -> str:
    store = SqliteStore(tmp_path / "events-store.sqlite")
    claimed = claim(store)
    payload = Event.about(
        result_of(claimed, Outcome.NO_FIX), "2001-09-09T01:46:40Z"
    ).model_dump_json()
    store.close()
    return payload


class Handled:
    """An inbox that says what was handled; ``broken`` makes the next one fail."""

    def __init__(self, example: ModuleType, path: Path):
        self.events: list[dict[str, Any]] = []
        self.broken = False
        self.inbox = example.Inbox(str(path), self._handle)

    def _handle(self, event: dict[str, Any], database: Any) -> None:
        database.execute("CREATE TABLE IF NOT EXISTS mine (id)")
        database.execute("INSERT INTO mine VALUES (?)", (event["id"],))
        if self.broken:
            self.broken = False
            raise RuntimeError("the backend's database is down")
        self.events.append(event)


@pytest.fixture
def handled(example: ModuleType, tmp_path: Path) -> Handled:
    return Handled(example, tmp_path / "events.sqlite")


# Sending


def test_a_job_enqueued_twice_is_valid_and_is_one_job(example: ModuleType, aws: Aws) -> None:
    queue = aws.make_queue()
    for _ in range(2):
        example.enqueue(aws.sqs, queue.url, example.new_job(ISSUE, limits={"max_rounds": 2}))
    first, second = (parse_job(message["Body"]) for message in aws.messages(queue.url))
    assert first == second
    assert first.job_id is None, "the service derives it: the CLI's job for the issue is the same"
    assert first.issue.url == ISSUE
    assert first.limits.max_rounds == 2
    assert parse_job(json.dumps(example.new_job(f"{ISSUE}1"))).id != first.id


@contextmanager
def answering(
    *answers: tuple[int, dict[str, str], str] | None,
) -> Iterator[tuple[str, list[tuple[str, str, bytes]]]]:
    """A loopback server that gives each answer once; None closes the connection without one."""
    remaining = list(answers)
    requests_received = list[tuple[str, str, bytes]]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            requests_received.append(
                (f"{self.command} {self.path}", self.headers.get("X-API-Key", ""), body)
            )
            answer = remaining.pop(0)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            for name, value in {**answer[1], "Content-Length": str(len(answer[2]))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer[2].encode())

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Nothing: a test's output is pytest's."""

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url, requests_received


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ACCEPTED = (202, {}, '{"job_id": "j", "status_url": "/jobs/j"}')


def test_a_call_is_repeated_until_it_is_accepted(example: ModuleType) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    waits: list[float] = []
    answers = [
        (429, {"Retry-After": "7"}, "{}"),
        None,
        (503, {"Retry-After": later}, "busy"),
        (500, {}, ""),
        ACCEPTED,
    ]
    with answering(*answers) as (url, received):
        job = example.new_job(ISSUE)
        assert example.fix_issue(url, "secret", job, sleep=waits.append)["job_id"] == "j"
    assert received == [("POST /fix-issue", "secret", json.dumps(job).encode())] * 5
    assert 7 <= waits[0] <= 8
    assert 0 <= waits[1] <= 2
    assert 80 <= waits[2] <= 94
    assert 0 <= waits[3] <= 8


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((422, {}, '{"error": {"message": "color: unknown field"}}'), "422: color: unknown field"),
        ((401, {}, "<html>"), "401: <html>"),
        ((307, {"Location": "http://127.0.0.1:1/"}, ""), "307: "),
    ],
)
def test_a_refusal_is_not_repeated(
    example: ModuleType, answer: tuple[int, dict[str, str], str], message: str
) -> None:
    with answering(answer) as (url, received), pytest.raises(example.Refused, match=message):
        example.fix_issue(url, "secret", example.new_job(ISSUE), sleep=pytest.fail)
    assert len(received) == 1


@pytest.mark.parametrize(
    "retry_after", ["nonsense", "-1", "1e999", "", "Wed, 99 Nov 2099 00:00:00 GMT"]
)
def test_calls_end_after_all_tries_for_any_retry_header(
    example: ModuleType, retry_after: str
) -> None:
    waits: list[float] = []
    with answering(*[(503, {"Retry-After": retry_after}, "down")] * 3) as (url, _):
        with pytest.raises(example.Refused, match="given up after 3 tries; the last: 503: down"):
            example.status(url, "secret", "j", tries=3, sleep=waits.append)
    assert len(waits) == 2
    assert all(0 <= wait <= 304 for wait in waits)


async def test_the_real_intake_accepts_a_job_and_reports_its_state(
    example: ModuleType, tmp_path: Path
) -> None:
    store = SqliteStore(tmp_path / "store.sqlite")
    jobs = list[Any]()
    stop = asyncio.Event()

    async def send(job: Any, owner: str, traceparent: str | None) -> None:
        jobs.append(job)

    app = create_app(
        intake=Intake(store, send, lambda job: None, time.time),
        keys=ApiKeys(parse_keys("backend=secret")),
        liveness=Liveness(dict, lambda: None, 60.0, Clock()),
        checks={},
    )
    listener = listen("127.0.0.1", 0)
    server = asyncio.create_task(serve(app, listener, stop))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    job = example.new_job(ISSUE)
    try:
        first = await asyncio.to_thread(example.fix_issue, url, "secret", job)
        second = await asyncio.to_thread(example.fix_issue, url, "secret", job)
        job_id = jobs[0].id
        assert first["job_id"] == second["job_id"] == job_id
        state = (await asyncio.to_thread(example.status, url, "secret", job_id))["state"]
        assert state == "queued"
        finish(store, claim(store, parse_job(json.dumps(job))), Outcome.NO_FIX)
        payload = await asyncio.to_thread(example.status, url, "secret", job_id)
        assert payload["state"] == "finished"
        assert payload["outcome"] == "no_fix"
        with pytest.raises(example.Refused, match="401: the X-API-Key is wrong"):
            await asyncio.to_thread(example.fix_issue, url, "wrong", job)
    finally:
        stop.set()
        await server
        store.close()


# Receiving from SQS


def test_events_of_a_topic_are_handled_once_and_then_deleted(
    example: ModuleType, aws: Aws, handled: Handled, event: str
) -> None:
    topic = aws.make_topic()
    for _ in range(2):
        aws.sns.publish(TopicArn=topic.arn, Message=event)
    aws.sqs.send_message(
        QueueUrl=topic.queue_url, MessageBody=event
    )  # as with raw message delivery
    while example.receive(aws.sqs, topic.queue_url, handled.inbox, wait_seconds=0):
        continue
    assert [payload["data"]["outcome"] for payload in handled.events] == ["no_fix"]
    assert aws.depth(topic.queue_url) == (0, 0)


def test_an_unhandled_event_is_delivered_again(
    example: ModuleType, aws: Aws, handled: Handled, event: str
) -> None:
    topic = aws.make_topic()
    aws.sns.publish(TopicArn=topic.arn, Message=event)
    aws.sqs.send_message(QueueUrl=topic.queue_url, MessageBody="no event")
    handled.broken = True
    assert example.receive(aws.sqs, topic.queue_url, handled.inbox, wait_seconds=0) == 2
    assert handled.events == []
    assert aws.depth(topic.queue_url) == (0, 2)
    assert handled.inbox.take(event) is True
    assert handled.inbox.take(event) is False
    assert len(handled.events) == 1


def test_an_older_generations_event_changes_nothing(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inbox = example.Inbox(str(tmp_path / "own.sqlite"))
    data = {"job_id": "j", "reason": "r", "pull_request_url": None}
    for generation, outcome in ((1, "pr_opened"), (0, "no_fix")):
        payload = {
            "id": str(generation),
            "type": "run.finished",
            "data": {**data, "generation": generation, "outcome": outcome},
        }
        assert inbox.take(json.dumps(payload))
    assert inbox.take('{"id": "2", "type": "run.started", "data": {}}')
    database = sqlite3.connect(tmp_path / "own.sqlite")
    assert database.execute("SELECT generation, outcome FROM fixes").fetchall() == [
        (1, "pr_opened")
    ]
    database.close()
    assert capsys.readouterr().out == "j: pr_opened: r\nj: no_fix: r\n"


# Receiving over HTTPS


#: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
ORDER = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}


class Signer:
    """SNS as a receiver sees it: signed envelopes, and a certificate at its address."""

    address = f"{HOST}/SimpleNotificationService-{'0a' * 16}.pem"

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, SHA256())
            .public_bytes(Encoding.PEM)
        )
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.certificate

    def envelope(self, message: str, kind: str = "Notification", **fields: str) -> dict[str, Any]:
        payload = {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Message": message,
            "Timestamp": "2026-01-31T08:00:00.000Z",
            **fields,
        }
        text = "".join(f"{name}\n{payload[name]}\n" for name in ORDER[kind] if name in payload)
        signature = base64.b64encode(self.key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
        return payload | {
            "SignatureVersion": "2",
            "Signature": signature,
            "SigningCertURL": self.address,
        }

    def confirmation(self, **fields: str) -> dict[str, Any]:
        members = {
            "Token": "t",
            "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&Token=t",
            **fields,
        }
        return self.envelope("You have chosen to subscribe", "SubscriptionConfirmation", **members)


@pytest.fixture(scope="module")
def sns() -> Signer:
    return Signer()


@pytest.fixture
def post(example: ModuleType, sns: Signer, handled: Handled) -> Callable[[Any], int]:
    sns.fetched.clear()
    verifier = example.SnsVerifier(TOPIC, sns.fetch)

    def post(envelope: Any) -> int:
        body = envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode()
        status: int = example.webhook(body, verifier, handled.inbox)
        return status

    return post


Post = Callable[[Any], int]


def test_genuine_events_are_handled_once_with_one_certificate_fetch(
    sns: Signer, post: Post, handled: Handled, event: str
) -> None:
    other = json.dumps({**json.loads(event), "id": "another"})
    replayed = sns.envelope(event, Subject="with a subject")
    assert [post(envelope) for envelope in (replayed, replayed, sns.envelope(other))] == [
        200,
        200,
        200,
    ]
    assert [payload["id"] for payload in handled.events] == [json.loads(event)["id"], "another"]
    assert sns.fetched == [sns.address]


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp", "Signature"])
def test_an_envelope_that_was_tampered_with_is_refused(
    sns: Signer, post: Post, handled: Handled, event: str, name: str
) -> None:
    envelope = sns.envelope(event, Subject="s")
    changed = base64.b64encode(b"x" * 256).decode() if name == "Signature" else envelope[name] + " "
    assert post(envelope | {name: changed}) == 403
    del envelope["Subject"]
    assert post(envelope) == 403
    assert handled.events == []


@pytest.mark.parametrize(
    "address",
    [
        "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-{}.pem",
        "https://evil.example/SimpleNotificationService-{}.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/SimpleNotificationService-{}.pem",
        "https://evil.example\\@sns.eu-central-1.amazonaws.com/SimpleNotificationService-{}.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-{}.pem",
        "https://s3.eu-central-1.amazonaws.com/SimpleNotificationService-{}.pem",
        "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-{}.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-{}.pem",
        "https://sns.eu-central-1.amazonaws.com/?Action=GetTopic#/SimpleNotificationService-{}.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-{}.pem?x=1",
        "https://sns.eu-central-1.amazonaws.com/a/../SimpleNotificationService-{}.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-{}.pem\n",
        "https://[",
        "",
        7,
        None,
    ],
)
def test_a_certificate_from_another_address_is_not_fetched(
    sns: Signer, post: Post, handled: Handled, event: str, address: Any
) -> None:
    named = address.replace("{}", "0a" * 16) if isinstance(address, str) else address
    assert post(sns.envelope(event) | {"SigningCertURL": named}) == 403
    assert handled.events == []
    assert sns.fetched == []


def test_foreign_signatures_topics_and_old_versions_are_refused(
    sns: Signer, post: Post, handled: Handled, event: str
) -> None:
    assert post(Signer().envelope(event)) == 403
    assert post(sns.envelope(event, TopicArn=f"{TOPIC}2")) == 403
    assert post(sns.envelope(event) | {"SignatureVersion": "1"}) == 403
    assert handled.events == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff",
        b'{"Type": []}',
        b'{"Type": "Notification"}',
        b"[" * 100_000,
        {"Type": "Notification", "Message": 7},
        {"Message": "\ud800"},
        {"Signature": "no base64!"},
        {"Message": ["x"]},
    ],
)
def test_a_malformed_envelope_is_refused(
    sns: Signer, post: Post, handled: Handled, event: str, body: Any
) -> None:
    assert post(body if isinstance(body, bytes) else sns.envelope(event) | body) == 403
    assert handled.events == []


def test_only_a_subscription_to_the_expected_topic_is_confirmed(sns: Signer, post: Post) -> None:
    confirmation = sns.confirmation()
    assert post(confirmation) == 200
    assert sns.fetched == [sns.address, confirmation["SubscribeURL"]]
    sns.fetched.clear()
    assert post(sns.confirmation(TopicArn="arn:aws:sns:eu-central-1:999999999999:theirs")) == 403
    assert (
        post(sns.confirmation(SubscribeURL="https://evil.example/?Action=ConfirmSubscription"))
        == 403
    )
    assert post(confirmation | {"SubscribeURL": f"{HOST}/?Action=DeleteTopic"}) == 403
    assert sns.fetched == []


def test_a_message_signed_by_moto_is_accepted(
    example: ModuleType, aws: Aws, handled: Handled, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = aws.make_topic()
    aws.sns.publish(TopicArn=topic.arn, Message=event)
    (message,) = aws.messages(topic.queue_url)
    keys = sns_backends[DEFAULT_ACCOUNT_ID]["eu-central-1"]._message_public_keys
    verifier = example.SnsVerifier(topic.arn, lambda url: keys[url.rsplit("/")[-1]])
    assert example.webhook(message["Body"].encode(), verifier, handled.inbox) == 200
    assert len(handled.events) == 1


def test_a_region_in_china_has_its_own_host(example: ModuleType) -> None:
    verifier = example.SnsVerifier("arn:aws-cn:sns:cn-north-1:123456789012:events")
    assert verifier.is_sns("https://sns.cn-north-1.amazonaws.com.cn/x")
    assert not verifier.is_sns("https://sns.cn-north-1.amazonaws.com/x")


def test_a_failed_event_gets_a_500_so_that_sns_sends_it_again(
    example: ModuleType, sns: Signer, handled: Handled, event: str
) -> None:
    web = example.server(0, example.SnsVerifier(TOPIC, sns.fetch), handled.inbox)
    handled.broken = True
    with serving(web) as url:
        envelope = json.dumps(sns.envelope(event))
        assert [requests.post(url, data=envelope, timeout=10).status_code for _ in range(3)] == [
            500,
            200,
            200,
        ]
        assert requests.post(url, data="{}", timeout=10).status_code == 403
        large = requests.Request("POST", url, headers={"Content-Length": str(10**9)}).prepare()
        with requests.Session() as session:
            assert session.send(large, timeout=10).status_code == 413
    assert len(handled.events) == 1


# The commands


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(FILE), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], **environment},
        check=False,
    )


def test_the_commands_work_as_documented(aws: Aws, tmp_path: Path, event: str) -> None:
    queue = aws.make_queue()
    topic = aws.make_topic()
    enqueue = run("enqueue", ISSUE, CODING_AGENT_QUEUE_URL=queue.url, **aws.environment)
    (message,) = aws.messages(queue.url)
    assert enqueue.stdout.startswith(f"sent as {message['MessageId']}; ")
    assert parse_job(message["Body"]).issue.url == ISSUE
    aws.sns.publish(TopicArn=topic.arn, Message=event)
    settings = {
        "EVENTS_QUEUE_URL": topic.queue_url,
        "EVENTS_DATABASE": str(tmp_path / "events.sqlite"),
    }
    received = run("receive-sqs", "--once", **settings, **aws.environment)
    assert received.returncode == 0
    assert "no_fix: a reason" in received.stdout
    with answering(ACCEPTED) as (url, received_requests):
        called = run("call", ISSUE, CODING_AGENT_URL=f"{url}/", CODING_AGENT_API_KEY="secret")
    assert json.loads(called.stdout)["job_id"] == "j"
    assert received_requests[0][:2] == (
        "POST /fix-issue",
        "secret",
    )


def test_a_missing_setting_is_named() -> None:
    process = run("call", ISSUE)
    assert process.returncode == 1
    assert process.stderr == "CODING_AGENT_URL is not set\n"
