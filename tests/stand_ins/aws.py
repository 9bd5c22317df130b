"""AWS on this machine, behind one interface: moto's server (a thread, for tests) or ministack (a
process, for the demo).

Tests must not rely on moto where it is more lenient than SQS (stale handles, expired visibility).
"""

import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from pipeline.aws import session

REGION = "eu-central-1"
#: Must not occur in any log line, since secrets are redacted there.
ACCESS_KEY = "standInAccessKey"
SECRET_KEY = "standInSecretKey"
READY_SECONDS = 30.0
#: The stand-ins speak plain HTTP, but each aioboto3 client loads all of its authorities'
#: certificates, 50 ms of computing. Nobody has this one's key.
ONE_CERTIFICATE = Path(__file__).with_name("nobody.pem")


@dataclass(frozen=True)
class Queue:
    url: str
    arn: str
    dead_letters_url: str


@dataclass(frozen=True)
class Topic:
    arn: str
    queue_url: str
    """A queue subscribed to the topic, without raw delivery: the body is SNS's envelope."""


@dataclass(frozen=True)
class Aws:
    """A running stand-in."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which boto3 and aioboto3 reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CA_BUNDLE": str(ONE_CERTIFICATE),
        }

    def client(self, service: str) -> Any:
        return session().client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )

    @cached_property
    def sqs(self) -> Any:
        return self.client("sqs")

    @cached_property
    def sns(self) -> Any:
        return self.client("sns")

    def make_queue(self, prefix: str = "jobs", *, max_receive_count: int = 20) -> Queue:
        """Create a queue with a unique name, and its dead-letter queue."""
        name = _unique(prefix)
        dead_letters_url = self._create_queue(f"{name}-dlq", MessageRetentionPeriod="1209600")
        policy = {
            "deadLetterTargetArn": self._arn(dead_letters_url),
            "maxReceiveCount": str(max_receive_count),
        }
        url = self._create_queue(name, RedrivePolicy=json.dumps(policy))
        return Queue(url, self._arn(url), dead_letters_url)

    def make_topic(self, prefix: str = "events") -> Topic:
        """Create a topic with a unique name, and a queue that receives its events."""
        name = _unique(prefix)
        arn = self.sns.create_topic(Name=name)["TopicArn"]
        url = self._create_queue(f"{name}-reader")
        self.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=self._arn(url))
        return Topic(arn, url)

    def messages(self, url: str, *, wait_seconds: int = 0) -> list[dict[str, Any]]:
        """Receive and delete all visible messages, in boto3's form; wait only for the first one."""
        messages: list[dict[str, Any]] = []
        while True:
            response = self.sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=0 if messages else wait_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
            received = response.get("Messages", [])
            if not received:
                break
            messages += received
        for message in messages:
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return messages

    def events(self, topic: Topic, *, wait_seconds: int = 0) -> list[tuple[str, dict[str, str]]]:
        """Receive the topic's events, as (body, attributes)."""
        events = []
        for message in self.messages(topic.queue_url, wait_seconds=wait_seconds):
            envelope = json.loads(message["Body"])
            attributes = {}
            for name, value in envelope.get("MessageAttributes", {}).items():
                attributes[name] = value["Value"]
            events.append((envelope["Message"], attributes))
        return events

    def depth(self, url: str) -> tuple[int, int]:
        """Return the numbers of visible messages and of messages in flight."""
        visible = self._attribute(url, "ApproximateNumberOfMessages")
        in_flight = self._attribute(url, "ApproximateNumberOfMessagesNotVisible")
        return int(visible), int(in_flight)

    def _create_queue(self, name: str, **attributes: str) -> str:
        response = self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return str(response["QueueUrl"])

    def _arn(self, url: str) -> str:
        return self._attribute(url, "QueueArn")

    def _attribute(self, url: str, name: str) -> str:
        response = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return str(response["Attributes"][name])


def _unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


@contextmanager
def moto_server() -> Iterator[Aws]:
    """Run moto in a thread of this process."""
    from moto.server import ThreadedMotoServer

    # A log line for each request would bury a failed test's output.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Aws(f"http://{host}:{port}")
    finally:
        server.stop()


def ministack_environment(port: int) -> dict[str, str]:
    """Return the variables with which ministack listens on this machine only."""
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "MINISTACK_HOST": "127.0.0.1",
    }


@contextmanager
def ministack_server(log_file: Path) -> Iterator[Aws]:
    """Run ministack in a separate process; its output goes to ``log_file``."""
    port = _free_port()
    environment = {**os.environ, **ministack_environment(port)}
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
        try:
            aws = Aws(f"http://127.0.0.1:{port}")
            _wait_until_healthy(f"{aws.endpoint}/_ministack/health", process, log_file)
            yield aws
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes], log_file: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"ministack ended with {process.returncode}; see {log_file}")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            # It does not signal when it is listening, so poll. wait() returns early if the process
            # ends.
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
    raise RuntimeError(f"ministack was not ready within {READY_SECONDS:g} s; see {log_file}")


@pytest.fixture(scope="session")
def aws_server() -> Iterator[Aws]:
    with moto_server() as aws:
        yield aws


@pytest.fixture
def aws(aws_server: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """moto, with the environment set up so that boto3 reaches it."""
    reach_aws(aws_server, monkeypatch)
    return aws_server


def reach_aws(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment up so that boto3 reaches this server."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
