"""How a backend works with coding-agent: copy what you need of this file.

    python examples/integration_example.py enqueue https://github.com/octo/repo/issues/42   put a job on SQS
    python examples/integration_example.py call https://github.com/octo/repo/issues/42      or POST it over HTTPS
    python examples/integration_example.py status JOB_ID                                    how it fares
    python examples/integration_example.py receive-sqs                                      events, from your queue
    python examples/integration_example.py serve                                            events, over HTTPS

It needs boto3 and requests; `serve` also needs cryptography (all three are in
requirements/run.txt). Settings:

    CODING_AGENT_QUEUE_URL                        enqueue
    CODING_AGENT_URL, CODING_AGENT_API_KEY        call, status
    EVENTS_QUEUE_URL                              receive-sqs: a queue subscribed to the topic
    CODING_AGENT_TOPIC_ARN, PORT                  serve: put it behind your load balancer's HTTPS
    EVENTS_DATABASE                               where handled events are remembered; default: events.sqlite
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
import uuid
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import boto3
import requests

# 1. A job
# -----------------------------------------------------------------------------------------------------------


def new_job(issue_url: str, **fields: Any) -> dict[str, Any]:
    """The job as a document. Its id is decided before the first try to send it and is the same at each: sent twice, it
    is one job. Yours may be an order's or a ticket's; without one the service derives it from the issue's address.
    """
    job_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"my-backend:{issue_url}"))
    return {
        "job_id": job_id,
        "issue_url": issue_url,
        "metadata": {"sent_by": "my-backend"},
        **fields,
    }


# 2. Sending it: over SQS, or over HTTPS
# -------------------------------------------------------------------------------


def enqueue(sqs: Any, queue_url: str, job: dict[str, Any]) -> str:
    """boto3 retries by itself; where it gives up, send the same job again: perhaps it did arrive."""
    sent = sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(job))
    return str(sent["MessageId"])


class Refused(Exception):
    """The service said no, and would say it again."""


def call(
    method: str,
    url: str,
    api_key: str,
    body: dict[str, Any] | None = None,
    *,
    tries: int = 6,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """One call, tried again where that can help: no answer, 429, or 5xx. Safe for POST too, since the job names its id.

    Raises:
        Refused: a 4xx, with the service's own words; or every try failed.
    """
    why = ""
    for attempt in range(tries):
        wait = random.uniform(
            0, min(60.0, 2.0**attempt)
        )  # full jitter, so that clients don't come back together
        try:
            answer = requests.request(
                method,
                url,
                json=body,
                headers={"X-API-Key": api_key},
                timeout=(5, 30),
                allow_redirects=False,
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            why = f"no answer: {error}"
        else:
            if answer.status_code in (200, 202):
                return dict(answer.json())
            why = f"{answer.status_code}: {_said(answer)}"
            if answer.status_code != 429 and answer.status_code < 500:
                raise Refused(why)
            wait += _retry_after(answer.headers.get("Retry-After"))
        if attempt + 1 < tries:
            sleep(wait)
    raise Refused(f"given up after {tries} tries; the last: {why}")


def _said(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]  # a proxy's page


def _retry_after(header: str | None) -> float:
    """Seconds. The header holds seconds or a date (RFC 9110, 10.2.3)."""
    try:
        if header is not None and not header.strip().isdigit():
            return max(0.0, min(parsedate_to_datetime(header).timestamp() - time.time(), 300.0))
        return min(float(header or 0), 300.0)
    except (TypeError, ValueError):
        return 0.0


def fix_issue(base_url: str, api_key: str, job: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Gives job_id and status_url."""
    return call("POST", f"{base_url}/fix-issue", api_key, job, **options)


def status(base_url: str, api_key: str, job_id: str, **options: Any) -> dict[str, Any]:
    """Gives state (queued, running, finished), and once it has finished outcome and result."""
    return call("GET", f"{base_url}/jobs/{job_id}", api_key, **options)


# 3. Handling an event, once
# -------------------------------------------------------------------------------------------


def handle(event: dict[str, Any], database: sqlite3.Connection) -> None:
    """Your own code. What it writes to ``database`` is committed together with the mark that the
    event is handled.
    """
    if event["type"] != "run.finished":
        return
    data = event["data"]
    database.execute(
        "CREATE TABLE IF NOT EXISTS fixes (job_id TEXT PRIMARY KEY, generation INT, outcome, url)"
    )
    database.execute(  # an older generation's event may come after a newer one's
        "INSERT INTO fixes VALUES (?, ?, ?, ?) ON CONFLICT (job_id) DO UPDATE SET generation ="
        " excluded.generation, outcome = excluded.outcome, url = excluded.url WHERE"
        " excluded.generation > generation",
        (data["job_id"], data["generation"], data["outcome"], data["pull_request_url"]),
    )
    print(
        f"{data['job_id']}: {data['outcome']}: {data['reason']} {data['pull_request_url'] or ''}".rstrip()
    )


class Inbox:
    """Remembers which events were handled: they come at least once, in any order, and perhaps twice
    at a time.
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
        """Handle an event, unless it was before (False). What ``handle`` raises leaves it
        unhandled, to come again.
        """
        event = json.loads(message)
        database = self._open()
        try:
            with database:  # commits at the end, or rolls back
                database.execute("BEGIN IMMEDIATE")
                told = database.execute(
                    "INSERT OR IGNORE INTO events VALUES (?, ?)", (event["id"], message)
                )
                if told.rowcount:
                    self._handle(event, database)
                return bool(told.rowcount)
        finally:
            database.close()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30, isolation_level=None)


# 4. Receiving events from SQS
# -----------------------------------------------------------------------------------------


def receive(sqs: Any, queue_url: str, inbox: Inbox, *, wait_seconds: int = 20) -> int:
    """One long poll; gives how many messages it brought. A message is deleted once its event is handled, never before.

    Who may send to the queue is its access policy's business: let only the topic in (aws:SourceArn), then no signature
    needs to be checked here. Give it a dead-letter queue: what can't be handled goes there by itself.
    """
    answer = sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds
    )
    messages = answer.get("Messages", [])
    for message in messages:
        try:
            body = json.loads(message["Body"])
            # SNS wraps the event in its envelope, unless the subscription has raw message delivery.
            event = body["Message"] if body.get("Type") == "Notification" else message["Body"]
            fresh = inbox.take(event)
        except Exception as error:
            print(
                f"message {message['MessageId']} stays, and comes again: {type(error).__name__}:"
                f" {error}"
            )
            continue
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        if not fresh:
            print(f"message {message['MessageId']} told nothing new")
    return len(messages)


# 5. Receiving events over HTTPS
# --------------------------------------------------------------------------------------- Anybody
# can POST to a public address, so SNS's signature is what makes an event true. Sign with SHA-256:
# aws sns set-topic-attributes --topic-arn ARN --attribute-name SignatureVersion --attribute-value 2

#: What is signed, in this order
#: (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
#: MessageAttributes are not: don't decide anything by them.
SIGNED = {
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
    "UnsubscribeConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
MAX_BODY = 512 * 1024


class NotFromSns(Exception):
    """The message is not what our topic sent."""


def fetch(url: str) -> bytes:
    """Only for addresses that SnsVerifier has let pass."""
    answer = requests.get(url, timeout=(5, 10), allow_redirects=False)
    answer.raise_for_status()
    return answer.content


class SnsVerifier:
    """Lets pass what ``topic_arn`` sent. ``fetch`` gets SNS's certificate, once for each of its
    addresses.
    """

    def __init__(self, topic_arn: str, fetch: Callable[[str], bytes] = fetch):
        _, partition, _, region, _, _ = topic_arn.split(":")
        self._host = f"sns.{region}.amazonaws.com" + (".cn" if partition == "aws-cn" else "")
        self.fetch = fetch
        self._topic_arn = topic_arn
        self._keys = dict[str, Any]()

    def check(self, body: bytes) -> dict[str, str]:
        """The envelope, if it is true.

        Raises:
            NotFromSns: with the reason.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        try:
            envelope = json.loads(body)
            names = SIGNED[envelope["Type"]]
            pairs = [
                (name, envelope[name]) for name in names if name != "Subject" or name in envelope
            ]
            text = "".join(f"{name}\n{value}\n" for name, value in pairs).encode()
            signature = base64.b64decode(envelope["Signature"], validate=True)
            address = envelope["SigningCertURL"]
            version = envelope["SignatureVersion"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise NotFromSns(f"no SNS envelope: {error!r}") from None
        if not all(isinstance(value, str) for _, value in pairs):
            raise NotFromSns("no SNS envelope: a field is no text")
        if envelope["TopicArn"] != self._topic_arn:
            raise NotFromSns(
                "it is another topic's"
            )  # anybody can have SNS sign a message of a topic of theirs
        if version != "2":
            raise NotFromSns(f"SignatureVersion {version!r}: set the topic's to 2 (SHA-256)")
        try:
            self._key(address).verify(signature, text, PKCS1v15(), SHA256())
        except InvalidSignature:
            raise NotFromSns("the signature is wrong") from None
        return dict(envelope)

    def is_sns(self, address: Any) -> bool:
        """Whether an address is SNS's own, over HTTPS, in the topic's region."""
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
        if not self.is_sns(address) or not re.fullmatch(
            r"/SimpleNotificationService-[0-9a-f]{32}\.pem", _path(address)
        ):
            raise NotFromSns("SigningCertURL is not SNS's")
        if address not in self._keys:
            self._keys[address] = load_pem_x509_certificate(self.fetch(address)).public_key()
        return self._keys[address]


def _path(address: str) -> str:
    parts = urlsplit(address)
    return parts.path if not parts.query and not parts.fragment else ""


def webhook(body: bytes, verifier: SnsVerifier, inbox: Inbox) -> int:
    """Gives the HTTP status for what SNS posted. After a 5xx SNS sends it again, for as long as its
    policy says.
    """
    try:
        envelope = verifier.check(body)
    except NotFromSns as error:
        print(f"refused: {error}")
        return 403
    if envelope["Type"] == "SubscriptionConfirmation":
        # The topic is ours, for check() compares it: confirming a stranger's would let them write
        # to us.
        if not verifier.is_sns(envelope["SubscribeURL"]):
            return 403
        verifier.fetch(envelope["SubscribeURL"])
        print(f"subscribed to {envelope['TopicArn']}")
    elif envelope["Type"] == "Notification":
        # A true message that somebody kept and posts again has the same event id, and is not
        # handled twice.
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
# ------------------------------------------------------------------------------------------------------


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
    told = parser.parse_args(arguments)
    match told.command:
        case "enqueue":
            job = new_job(told.issue_url)
            enqueue(boto3.client("sqs"), setting("CODING_AGENT_QUEUE_URL"), job)
            print(job["job_id"])
        case "call":
            print(json.dumps(fix_issue(*service(), new_job(told.issue_url)), indent=2))
        case "status":
            print(json.dumps(status(*service(), told.job_id), indent=2))
        case "receive-sqs":
            sqs = boto3.client("sqs")
            queue_url = setting("EVENTS_QUEUE_URL")
            inbox = Inbox(database())
            while (
                receive(sqs, queue_url, inbox, wait_seconds=1 if told.once else 20) or not told.once
            ):
                pass
        case "serve":
            verifier = SnsVerifier(setting("CODING_AGENT_TOPIC_ARN"))
            web = server(int(os.environ.get("PORT", "8090")), verifier, Inbox(database()))
            print(f"listening on 127.0.0.1:{web.server_address[1]}", flush=True)
            web.serve_forever()


def service() -> tuple[str, str]:
    return setting("CODING_AGENT_URL").rstrip("/"), setting("CODING_AGENT_API_KEY")


def database() -> str:
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
