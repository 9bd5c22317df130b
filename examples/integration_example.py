"""A backend that works with coding-agent: copy what you need from this file.

Run it as `python examples/integration_example.py COMMAND`:

    enqueue ISSUE_URL   put a job on SQS
    call ISSUE_URL      or POST it over HTTPS
    status JOB_ID       the job's state
    receive-sqs         receive events from your queue
    serve               receive events over HTTPS

It needs boto3 and requests; `serve` also needs cryptography (all three are in
requirements/run.txt). Settings:

    CODING_AGENT_QUEUE_URL                   enqueue
    CODING_AGENT_URL, CODING_AGENT_API_KEY   call, status
    EVENTS_QUEUE_URL                         receive-sqs: a queue subscribed to the topic
    CODING_AGENT_TOPIC_ARN, PORT             serve: put it behind your load balancer's HTTPS
    EVENTS_DATABASE                          file that remembers handled events; default:
                                             events.sqlite
"""

import argparse
import base64
import json
import os
import random
import re
import signal
import sqlite3
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3
import requests

MAX_WAIT_SECONDS = 300.0

# 1. A job


def new_job(issue_url: str, **fields: Any) -> dict[str, Any]:
    """Return the job, ready to be sent as JSON.

    The service derives its id from the issue's address, so that it is one job however often and by
    whomever it is sent; an id of your own would make it another job. What you need to recognize an
    event belongs in the metadata, which every event hands back.
    """
    return {
        "issue_url": issue_url,
        "metadata": {"sent_by": "my-backend"},
        **fields,
    }


# 2. Sending it: over SQS, or over HTTPS


def enqueue(sqs: Any, queue_url: str, job: dict[str, Any]) -> str:
    """Send a job, and return SQS's message id. boto3 retries by itself. If it gives up, send the
    same job again: that is safe even if the first one arrived.
    """
    sent = sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(job))
    return str(sent["MessageId"])


class Refused(Exception):
    """The service refused, and would refuse again."""


def call(
    method: str,
    url: str,
    api_key: str,
    body: dict[str, Any] | None = None,
    *,
    tries: int = 6,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Call the service, with retries if they can help: after no response, 429, or 5xx. This is safe
    for POST, too, since the same issue is the same job.

    Raises:
        Refused: the response was a 4xx, whose message is included, or every attempt failed.
    """
    reason = ""
    for attempt in range(tries):
        # Full jitter, so that many clients don't come back at the same time.
        wait = random.uniform(0, min(60.0, 2.0**attempt))
        try:
            response = _send(method, url, api_key, body)
        except (requests.ConnectionError, requests.Timeout) as error:
            reason = f"no response: {error}"
        else:
            if response.status_code in (200, 202):
                return dict(response.json())
            reason = f"{response.status_code}: {_error_message(response)}"
            if response.status_code != 429 and response.status_code < 500:
                raise Refused(reason)
            wait += _retry_after(response.headers.get("Retry-After"))
        is_last = attempt + 1 == tries
        if not is_last:
            sleep(wait)
    raise Refused(f"given up after {tries} tries; the last: {reason}")


def _send(method: str, url: str, api_key: str, body: dict[str, Any] | None) -> requests.Response:
    return requests.request(
        method,
        url,
        json=body,
        headers={"X-API-Key": api_key},
        timeout=(5, 30),
        allow_redirects=False,
    )


def _error_message(response: requests.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]  # a proxy's page


def _retry_after(header: str | None) -> float:
    """Return how many seconds to wait. The header has seconds or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return 0.0
    try:
        if header.strip().isdigit():
            seconds = float(header)
        else:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, min(seconds, MAX_WAIT_SECONDS))


def fix_issue(base_url: str, api_key: str, job: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Submit a job, and return its job_id and status_url."""
    return call("POST", f"{base_url}/fix-issue", api_key, job, **options)


def status(base_url: str, api_key: str, job_id: str, **options: Any) -> dict[str, Any]:
    """Return the job's state (queued, running, finished), and at the end its outcome and result."""
    return call("GET", f"{base_url}/jobs/{job_id}", api_key, **options)


# 3. Handling an event, once


def handle(event: dict[str, Any], database: sqlite3.Connection) -> None:
    """Do your backend's work for an event; this example stores the newest outcome of each job.

    Writes to ``database`` are committed together with the record that the event was handled.
    """
    if event["type"] != "run.finished":
        return
    data = event["data"]
    database.execute(
        "CREATE TABLE IF NOT EXISTS fixes (job_id TEXT PRIMARY KEY, generation INT, outcome, url)"
    )
    # An older generation's event may arrive after a newer one's.
    database.execute(
        """
        INSERT INTO fixes VALUES (?, ?, ?, ?)
        ON CONFLICT (job_id) DO UPDATE SET
            generation = excluded.generation, outcome = excluded.outcome, url = excluded.url
        WHERE excluded.generation > generation
        """,
        (data["job_id"], data["generation"], data["outcome"], data["pull_request_url"]),
    )
    url = data["pull_request_url"] or ""
    print(f"{data['job_id']}: {data['outcome']}: {data['reason']} {url}".rstrip())


class Inbox:
    """Handles each event once. Events arrive at least once, in any order, and perhaps twice at the
    same time.
    """

    def __init__(
        self, path: str, handle: Callable[[dict[str, Any], sqlite3.Connection], None] = handle
    ):
        self._path = path
        self._handle = handle
        with self._open() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, body TEXT NOT NULL)"
            )
        database.close()

    def take(self, message: str) -> bool:
        """Handle an event and return True, or return False if it was handled before.

        If ``handle`` raises, the event stays unhandled and will be delivered again.
        """
        event = json.loads(message)
        database = self._open()
        try:
            with database:  # commits at the end, or rolls back
                database.execute("BEGIN IMMEDIATE")
                inserted = database.execute(
                    "INSERT OR IGNORE INTO events VALUES (?, ?)", (event["id"], message)
                )
                is_new = inserted.rowcount > 0
                if is_new:
                    self._handle(event, database)
                return is_new
        finally:
            database.close()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30, isolation_level=None)


# 4. Receiving events from SQS


def receive(sqs: Any, queue_url: str, inbox: Inbox, *, wait_seconds: int = 20) -> int:
    """Do one long poll, and return how many messages it received. A message is deleted only after
    its event is handled.

    The queue's access policy decides who may send to it: if it allows only the topic
    (aws:SourceArn), no signature needs to be checked here. Give the queue a dead-letter queue, to
    which SQS moves messages that can't be handled.
    """
    response = sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
    )
    messages = response.get("Messages", [])
    for message in messages:
        message_id = message["MessageId"]
        try:
            is_new = inbox.take(_unwrap(message["Body"]))
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            print(f"message {message_id} stays in the queue and will be delivered again: {reason}")
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        if not is_new:
            print(f"message {message_id} repeats an event")
    return len(messages)


def _unwrap(body: str) -> str:
    """Return the event: SNS wraps it in an envelope, unless the subscription has raw message
    delivery.
    """
    document = json.loads(body)
    if document.get("Type") == "Notification":
        return str(document["Message"])
    return body


# 5. Receiving events over HTTPS
#
# Anybody can POST to a public address: SNS's signature proves that an event is genuine. Make SNS
# sign with SHA-256: aws sns set-topic-attributes --topic-arn ARN --attribute-name SignatureVersion
# --attribute-value 2

_CONFIRMATION = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
#: The signed fields, in this order
#: (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
#: MessageAttributes are not signed: don't base any decision on them.
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
MAX_BODY = 512 * 1024
_CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")


class NotFromSns(Exception):
    """The message was not sent by our topic."""


def fetch(url: str) -> bytes:
    """Return the content of an address, which SnsVerifier must have checked."""
    response = requests.get(url, timeout=(5, 10), allow_redirects=False)
    response.raise_for_status()
    return response.content


class SnsVerifier:
    """Accepts messages of ``topic_arn`` only. ``fetch`` gets each of SNS's certificates once."""

    def __init__(self, topic_arn: str, fetch: Callable[[str], bytes] = fetch):
        _, partition, _, region, _, _ = topic_arn.split(":")
        self._host = f"sns.{region}.amazonaws.com" + (".cn" if partition == "aws-cn" else "")
        self.fetch = fetch
        self._topic_arn = topic_arn
        self._keys = dict[str, Any]()

    def check(self, body: bytes) -> dict[str, str]:
        """Return the envelope, if it is genuine.

        Raises:
            NotFromSns: it is not; the message says why.
        """
        try:
            envelope = json.loads(body)
            text = _signed_text(envelope)
            signature = base64.b64decode(envelope["Signature"], validate=True)
            address = envelope["SigningCertURL"]
            version = envelope["SignatureVersion"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise NotFromSns(f"not an SNS envelope: {error!r}") from None
        # Anybody can have SNS sign messages of their own topic.
        if envelope["TopicArn"] != self._topic_arn:
            raise NotFromSns("it is from another topic")
        if version != "2":
            raise NotFromSns(f"SignatureVersion {version!r}: set the topic's to 2 (SHA-256)")
        self._verify(signature, text, address)
        return dict(envelope)

    def _verify(self, signature: bytes, text: bytes, address: Any) -> None:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            self._key(address).verify(signature, text, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise NotFromSns("the signature is wrong") from None

    def is_sns(self, address: Any) -> bool:
        """Return whether an address is SNS's own, over HTTPS, in the topic's region."""
        if not isinstance(address, str) or not address.isprintable() or "\\" in address:
            return False
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        return parts.scheme == "https" and parts.netloc == self._host

    def _key(self, address: Any) -> Any:
        from cryptography.x509 import load_pem_x509_certificate

        # The host proves the key, so it is checked before anything is fetched.
        if not self.is_sns(address) or not _CERTIFICATE_PATH.fullmatch(_path(address)):
            raise NotFromSns("SigningCertURL is not an address of SNS")
        if address not in self._keys:
            self._keys[address] = load_pem_x509_certificate(self.fetch(address)).public_key()
        return self._keys[address]


def _signed_text(envelope: dict[str, Any]) -> bytes:
    """Return the text that SNS signs.

    Raises:
        ValueError, KeyError, TypeError: it is not an envelope.
    """
    lines = []
    for name in SIGNED[envelope["Type"]]:
        if name == "Subject" and name not in envelope:
            continue
        value = envelope[name]
        if not isinstance(value, str):
            raise TypeError(f"{name} is not text")
        lines += [name, value]
    return "".join(f"{line}\n" for line in lines).encode()


def _path(address: str) -> str:
    """Return the address's path, or nothing if it also has a query or a fragment."""
    parts = urlsplit(address)
    return parts.path if not parts.query and not parts.fragment else ""


def webhook(body: bytes, verifier: SnsVerifier, inbox: Inbox) -> int:
    """Handle a POST from SNS, and return the HTTP status. After a 5xx, SNS sends it again according
    to its delivery policy.
    """
    try:
        envelope = verifier.check(body)
    except NotFromSns as error:
        print(f"refused: {error}")
        return 403
    if envelope["Type"] == "SubscriptionConfirmation":
        # check() has made sure that the topic is ours: confirming a stranger's topic would let it
        # write to us.
        if not verifier.is_sns(envelope["SubscribeURL"]):
            return 403
        verifier.fetch(envelope["SubscribeURL"])
        print(f"subscribed to {envelope['TopicArn']}")
    elif envelope["Type"] == "Notification":
        # A genuine message that an attacker recorded and replays has the same event id, so it is
        # not handled twice.
        inbox.take(envelope["Message"])
    return 200


def server(port: int, verifier: SnsVerifier, inbox: Inbox) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MAX_BODY:
                return self.answer(413)
            try:
                self.answer(webhook(self.rfile.read(int(length)), verifier, inbox))
            except Exception as error:
                print(f"not handled, SNS will send it again: {type(error).__name__}: {error}")
                self.answer(500)

        def answer(self, code: int) -> None:
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


# 6. The commands


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("enqueue", "call"):
        commands.add_parser(name).add_argument("issue_url")
    commands.add_parser("status").add_argument("job_id")
    commands.add_parser("receive-sqs").add_argument(
        "--once", action="store_true", help="stop when nothing is left"
    )
    commands.add_parser("serve")
    options = parser.parse_args(arguments)
    match options.command:
        case "enqueue":
            queue_url = setting("CODING_AGENT_QUEUE_URL")
            message_id = enqueue(boto3.client("sqs"), queue_url, new_job(options.issue_url))
            print(f"sent as {message_id}; each event has the issue's address and the job_id")
        case "call":
            print(json.dumps(fix_issue(*service(), new_job(options.issue_url)), indent=2))
        case "status":
            print(json.dumps(status(*service(), options.job_id), indent=2))
        case "receive-sqs":
            receive_all(once=options.once)
        case "serve":
            serve_events()


def receive_all(*, once: bool) -> None:
    """Receive events until interrupted; with ``once``, until nothing is left."""
    sqs = boto3.client("sqs")
    queue_url = setting("EVENTS_QUEUE_URL")
    inbox = Inbox(database_path())
    while True:
        received = receive(sqs, queue_url, inbox, wait_seconds=1 if once else 20)
        if once and not received:
            return


def serve_events() -> None:
    verifier = SnsVerifier(setting("CODING_AGENT_TOPIC_ARN"))
    port = int(os.environ.get("PORT", "8090"))
    web = server(port, verifier, Inbox(database_path()))
    print(f"listening on 127.0.0.1:{web.server_address[1]}", flush=True)
    web.serve_forever()


def service() -> tuple[str, str]:
    """Return the service's address and the API key."""
    return setting("CODING_AGENT_URL").rstrip("/"), setting("CODING_AGENT_API_KEY")


def database_path() -> str:
    return os.environ.get("EVENTS_DATABASE", "events.sqlite")


def setting(name: str) -> str:
    if not os.environ.get(name):
        raise SystemExit(f"{name} is not set")
    return os.environ[name]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Refused as error:
        raise SystemExit(f"the service refused: {error}") from None
