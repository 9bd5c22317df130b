"""SQS's rules for standard queues, without HTTP: what a message may be, who holds it, and when it
is seen again.

Rules are those of the SQS API reference
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/); where AWS is vague, the
stricter reading is taken."""

import base64
import hashlib
import heapq
import json
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.stand_ins.strict_aws.faults import Faults

ACCOUNT = "123456789012"
REGION = "eu-central-1"
#: Seconds: 12 hours.
MAX_VISIBILITY = 43_200
MAX_BYTES = 1_048_576
MAX_IN_FLIGHT = 120_000
_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ATTRIBUTE = re.compile(r"(?!\.)(?!(?i:aws\.|amazon\.))[A-Za-z0-9_.-]{1,256}(?<!\.)")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_SETTABLE = {
    "VisibilityTimeout": "30",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "MessageRetentionPeriod": "345600",
    "MaximumMessageSize": str(MAX_BYTES),
    "RedrivePolicy": "",
}


class Refused(Exception):
    """An error of the API. ``code`` is what botocore shows."""

    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def _parameter(message: str) -> Refused:
    return Refused("InvalidParameterValue", message)


@dataclass
class Message:
    id: str
    body: str
    attributes: dict[str, dict[str, Any]]
    sent_at: float
    visible_at: float
    receives: int = 0
    first_received_at: float = 0.0
    received_at: float = 0.0
    dead_letter_of: str | None = None
    returned: bool = False
    """It came back once after its delete, and will not again."""


@dataclass
class Queue:
    name: str
    attributes: dict[str, str]
    messages: dict[str, Message] = field(default_factory=dict)
    visible: "OrderedDict[str, None]" = field(default_factory=OrderedDict)
    hidden: list[tuple[float, str]] = field(default_factory=list)
    """A heap; what has moved since is passed over."""
    deleted: int = 0

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    @property
    def policy(self) -> tuple[str, int] | None:
        """The dead-letter queue's name, and the receives after which a message goes there."""
        told = self.attributes["RedrivePolicy"]
        read = json.loads(told) if told else None
        return (
            (read["deadLetterTargetArn"].rsplit(":", 1)[-1], int(read["maxReceiveCount"]))
            if read
            else None
        )

    def hide(self, message: Message, until: float) -> None:
        message.visible_at = until
        self.visible.pop(message.id, None)
        heapq.heappush(self.hidden, (until, message.id))

    def show(self, message: Message, now: float) -> None:
        message.visible_at = now
        self.visible[message.id] = None

    def turn(self, now: float) -> None:
        """Show what has been hidden long enough."""
        while self.hidden and self.hidden[0][0] <= now:
            until, identity = heapq.heappop(self.hidden)
            message = self.messages.get(identity)
            if message is not None and message.visible_at == until:
                self.visible[identity] = None

    def next_change(self) -> float | None:
        """When the next hidden message may be seen."""
        while self.hidden:
            until, identity = self.hidden[0]
            message = self.messages.get(identity)
            if message is not None and message.visible_at == until and identity not in self.visible:
                return until
            heapq.heappop(self.hidden)
        return None


class Sqs:
    """``max_visibility``: the cap of 12 hours, in seconds, which a test may scale down."""

    def __init__(
        self, clock: Callable[[], float], faults: Faults, *, max_visibility: float = MAX_VISIBILITY
    ):
        self._clock = clock
        self._faults = faults
        self._max_visibility = max_visibility
        self.queues: dict[str, Queue] = {}
        self.handed_out = 0
        """Deliveries, of every queue."""
        self.arrived: Callable[[Queue], None] = lambda queue: None
        """Told of each queue where a message may have become visible."""

    def call(self, operation: str, asked: dict[str, Any], endpoint: str) -> dict[str, Any]:
        """Any operation but ReceiveMessage, which may have to wait: see ``check_receive`` and
        ``receive``.
        """
        match operation:
            case "CreateQueue":
                return {
                    "QueueUrl": self._url(
                        endpoint, self.create(asked["QueueName"], asked.get("Attributes", {}))
                    )
                }
            case "GetQueueUrl":
                return {"QueueUrl": self._url(endpoint, self.queue(asked["QueueName"]))}
            case "ListQueues":
                wanted = asked.get("QueueNamePrefix", "")
                return {
                    "QueueUrls": [
                        self._url(endpoint, q)
                        for q in self.queues.values()
                        if q.name.startswith(wanted)
                    ]
                }
        queue = self.of(asked)
        match operation:
            case "GetQueueAttributes":
                return {"Attributes": self._attributes(queue, asked.get("AttributeNames", []))}
            case "SetQueueAttributes":
                queue.attributes |= self._settable(asked["Attributes"])
                return {}
            case "DeleteQueue":
                del self.queues[queue.name]
                return {}
            case "PurgeQueue":
                queue.messages.clear()
                queue.visible.clear()
                return {}
            case "SendMessage":
                return self.send(queue, asked)
            case "DeleteMessage":
                return self._delete(queue, asked)
            case "ChangeMessageVisibility":
                return self._change_visibility(queue, asked)
            case "SendMessageBatch":
                if sum(_size(entry) for entry in asked["Entries"]) > MAX_BYTES:
                    raise Refused(
                        "AWS.SimpleQueueService.BatchRequestTooLong",
                        "the entries are too long together",
                    )
                return self._batch(queue, asked, self.send)
            case "DeleteMessageBatch":
                return self._batch(queue, asked, self._delete)
            case "ChangeMessageVisibilityBatch":
                return self._batch(queue, asked, self._change_visibility)
        raise Refused(
            "AWS.SimpleQueueService.UnsupportedOperation", f"the stand-in has no {operation}"
        )

    # Queues

    def create(self, name: str, attributes: dict[str, str]) -> Queue:
        if not _NAME.fullmatch(name):
            raise _parameter(f"queue name {name!r} may hold letters, digits, - and _, 80 at most")
        told = self._settable(attributes)
        if (there := self.queues.get(name)) is not None:
            if any(there.attributes[key] != value for key, value in told.items()):
                raise Refused(
                    "QueueAlreadyExists", "a queue of this name exists with other attributes"
                )
            return there
        self.queues[name] = queue = Queue(name, _SETTABLE | told)
        return queue

    def queue(self, name: str) -> Queue:
        if name not in self.queues:
            raise Refused(
                "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."
            )
        return self.queues[name]

    def of(self, asked: dict[str, Any]) -> Queue:
        if not asked.get("QueueUrl"):
            raise Refused("MissingParameter", "The request must contain the parameter QueueUrl.")
        return self.queue(str(asked["QueueUrl"]).rstrip("/").rsplit("/", 1)[-1])

    def _settable(self, attributes: dict[str, str]) -> dict[str, str]:
        if unknown := attributes.keys() - _SETTABLE.keys():
            raise Refused("InvalidAttributeName", f"Unknown Attribute {unknown.pop()}.")
        if policy := attributes.get("RedrivePolicy"):
            read = json.loads(policy)
            if not 1 <= int(read["maxReceiveCount"]) <= 1000:
                raise _parameter("maxReceiveCount must be from 1 to 1000")
            self.queue(read["deadLetterTargetArn"].rsplit(":", 1)[-1])
        return {name: str(value) for name, value in attributes.items()}

    def _attributes(self, queue: Queue, names: list[str]) -> dict[str, str]:
        now = self._clock()
        queue.turn(now)
        hidden = [m for m in queue.messages.values() if m.id not in queue.visible]
        told = queue.attributes | {
            "QueueArn": queue.arn,
            "ApproximateNumberOfMessages": str(len(queue.visible)),
            "ApproximateNumberOfMessagesNotVisible": str(sum(m.receives > 0 for m in hidden)),
            "ApproximateNumberOfMessagesDelayed": str(sum(m.receives == 0 for m in hidden)),
        }
        if unknown := set(names) - told.keys() - {"All"}:
            raise Refused("InvalidAttributeName", f"Unknown Attribute {unknown.pop()}.")
        return {
            name: value
            for name, value in told.items()
            if value and ("All" in names or name in names)
        }

    # Messages

    def send(self, queue: Queue, asked: dict[str, Any]) -> dict[str, Any]:
        body = asked.get("MessageBody")
        if not body:
            raise Refused("MissingParameter", "The request must contain the parameter MessageBody.")
        attributes = check_attributes(asked.get("MessageAttributes", {}))
        if _INVALID.search(body):
            raise Refused(
                "InvalidMessageContents", "The message contains characters outside the allowed set."
            )
        if _size(asked) > int(queue.attributes["MaximumMessageSize"]):
            limit = queue.attributes["MaximumMessageSize"]
            raise _parameter(
                f"One or more parameters are invalid. Reason: Message must be shorter than {limit}"
                " bytes."
            )
        delay = float(asked.get("DelaySeconds", queue.attributes["DelaySeconds"]))
        if not 0 <= delay <= 900:
            raise _parameter("DelaySeconds must be from 0 to 900")
        now = self._clock()
        message = Message(str(uuid.uuid4()), body, attributes, now, now)
        queue.messages[message.id] = message
        if delay:
            queue.hide(message, now + delay)
        else:
            queue.show(message, now)
        self.arrived(queue)
        return {"MessageId": message.id, "MD5OfMessageBody": _md5(body)}

    def check_receive(self, asked: dict[str, Any]) -> tuple[Queue, int, float, float]:
        """The queue, how many messages, how long to hide them, and how long to wait."""
        queue = self.of(asked)
        count = int(asked.get("MaxNumberOfMessages", 1))
        hide = float(asked.get("VisibilityTimeout", queue.attributes["VisibilityTimeout"]))
        wait = float(
            asked.get("WaitTimeSeconds", queue.attributes["ReceiveMessageWaitTimeSeconds"])
        )
        if not 1 <= count <= 10:
            raise _parameter(
                f"Value {count} for parameter MaxNumberOfMessages is invalid. Reason: Must be 1"
                " to 10."
            )
        if not 0 <= wait <= 20:
            raise _parameter(
                f"Value {wait:g} for parameter WaitTimeSeconds is invalid. Reason: Must be 0 to 20."
            )
        self._check_visibility(hide)
        return queue, count, hide, wait

    def receive(
        self, queue: Queue, count: int, hide: float, asked: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Hand out what is visible now; what was received too often goes to the dead-letter queue
        instead.
        """
        now = self._clock()
        queue.turn(now)
        if len(queue.messages) - len(queue.visible) >= MAX_IN_FLIGHT:
            raise Refused("OverLimit", "Too many messages are in flight.", 403)
        system = {*asked.get("MessageSystemAttributeNames", []), *asked.get("AttributeNames", [])}
        taken: list[Message] = []
        policy = queue.policy
        while queue.visible and len(taken) < count:
            newest_first = len(queue.visible) > 1 and self._faults.drawn("disordered")
            message = queue.messages[queue.visible.popitem(last=newest_first)[0]]
            if policy is not None and message.receives >= policy[1]:
                self._redrive(queue, message, policy[0])
                continue
            taken.append(message)
            message.receives += 1
            message.received_at = now
            message.first_received_at = message.first_received_at or now
        answers = [
            self._told(queue, message, system, asked.get("MessageAttributeNames", []))
            for message in taken
        ]
        for message in taken:
            if self._faults.drawn("doubled"):
                queue.show(message, now)
            else:
                queue.hide(message, now + hide)
        self.handed_out += len(taken)
        return answers

    def _redrive(self, queue: Queue, message: Message, name: str) -> None:
        target = self.queue(name)
        del queue.messages[message.id]
        message.dead_letter_of = queue.arn
        target.messages[message.id] = message
        target.show(message, self._clock())
        self.arrived(target)

    def _told(
        self, queue: Queue, message: Message, system: set[str], names: list[str]
    ) -> dict[str, Any]:
        known = {
            "ApproximateReceiveCount": str(message.receives),
            "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "SenderId": "AIDASTANDIN",
        } | ({"DeadLetterQueueSourceArn": message.dead_letter_of} if message.dead_letter_of else {})
        told: dict[str, Any] = {
            "MessageId": message.id,
            "ReceiptHandle": _handle(queue, message),
            "Body": message.body,
            "MD5OfBody": _md5(message.body),
        }
        if shown := {
            name: value for name, value in known.items() if "All" in system or name in system
        }:
            told["Attributes"] = shown
        own = {
            n: value
            for n, value in message.attributes.items()
            if "All" in names or ".*" in names or n in names
        }
        return told | ({"MessageAttributes": own} if own else {})

    def _held(self, queue: Queue, asked: dict[str, Any]) -> tuple[Message | None, bool]:
        """The message that a receipt handle names, if it is still there, and whether no newer
        receive was made.
        """
        try:
            name, identity, receive = (
                base64.b64decode(asked["ReceiptHandle"], validate=True).decode().split("/")
            )
            number = int(receive)
        except (KeyError, ValueError) as error:
            raise Refused(
                "ReceiptHandleIsInvalid", "The input receipt handle is invalid.", 404
            ) from error
        if name != queue.name:
            raise Refused(
                "ReceiptHandleIsInvalid", "The input receipt handle is for another queue.", 404
            )
        message = queue.messages.get(identity)
        return message, message is not None and message.receives == number

    def _delete(self, queue: Queue, asked: dict[str, Any]) -> dict[str, Any]:
        message, newest = self._held(queue, asked)
        if message is None or not newest:
            return {}  # accepted, and nothing happens
        if not message.returned and self._faults.drawn("undeleted"):
            message.returned = True
            queue.show(message, self._clock())
            self.arrived(queue)
            return {}
        del queue.messages[message.id]
        queue.visible.pop(message.id, None)
        queue.deleted += 1
        return {}

    def _change_visibility(self, queue: Queue, asked: dict[str, Any]) -> dict[str, Any]:
        message, newest = self._held(queue, asked)
        seconds = float(asked["VisibilityTimeout"])
        now = self._clock()
        self._check_visibility(seconds)
        if message is None:
            raise _parameter(
                f"Value {asked['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason:"
                " Message does not exist or is not available for visibility timeout change."
            )
        queue.turn(now)
        if not newest or message.id in queue.visible:
            raise Refused(
                "AWS.SimpleQueueService.MessageNotInflight",
                "The message referred to isn't in flight.",
            )
        if now + seconds - message.received_at > self._max_visibility:
            raise _parameter(
                f"Value {seconds:g} for parameter VisibilityTimeout is invalid. Reason: Total"
                f" VisibilityTimeout for the message is beyond the limit [{self._max_visibility:g}"
                " seconds]."
            )
        if seconds:
            queue.hide(message, now + seconds)
        else:
            queue.show(message, now)
        self.arrived(queue)
        return {}

    def _check_visibility(self, seconds: float) -> None:
        if not 0 <= seconds <= self._max_visibility:
            raise _parameter(
                f"VisibilityTimeout {seconds:g} must be from 0 to {self._max_visibility:g}"
            )

    def _batch(
        self,
        queue: Queue,
        asked: dict[str, Any],
        act: Callable[[Queue, dict[str, Any]], dict[str, Any]],
    ) -> dict[str, Any]:
        entries = asked.get("Entries") or []
        check_batch([entry["Id"] for entry in entries], "AWS.SimpleQueueService.")
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for entry in entries:
            if self._faults.drawn("entry_failed"):
                failed.append(
                    {
                        "Id": entry["Id"],
                        "Code": "InternalError",
                        "SenderFault": False,
                        "Message": "again",
                    }
                )
                continue
            try:
                done.append({"Id": entry["Id"]} | act(queue, entry))
            except Refused as error:
                code = error.code.rsplit(".", 1)[-1]
                failed.append(
                    {"Id": entry["Id"], "Code": code, "SenderFault": True, "Message": error.message}
                )
        return {"Successful": done, "Failed": failed}

    def _url(self, endpoint: str, queue: Queue) -> str:
        return f"{endpoint}/{ACCOUNT}/{queue.name}"


def check_batch(ids: list[str], prefix: str) -> None:
    if not ids:
        raise Refused(
            f"{prefix}EmptyBatchRequest", "There should be at least one entry in the request."
        )
    if len(ids) > 10:
        raise Refused(
            f"{prefix}TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10."
        )
    if len(set(ids)) < len(ids):
        raise Refused(
            f"{prefix}BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id."
        )
    if not all(_ENTRY_ID.fullmatch(identity) for identity in ids):
        raise Refused(
            f"{prefix}InvalidBatchEntryId", "A batch entry id may hold letters, digits, - and _."
        )


def check_attributes(attributes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if len(attributes) > 10:
        raise _parameter("Number of message attributes exceeds the allowed maximum [10].")
    for name, value in attributes.items():
        if not _ATTRIBUTE.fullmatch(name) or ".." in name:
            raise _parameter(f"Message attribute name {name!r} is invalid.")
        kind = str(value.get("DataType", "")).split(".")[0]
        if kind not in ("String", "Number", "Binary"):
            raise _parameter(f"The type of message attribute {name!r} is invalid.")
        content = value.get("BinaryValue" if kind == "Binary" else "StringValue")
        if not content:
            raise _parameter(
                f"Message attribute {name!r} must contain a non-empty value of type {kind!r}."
            )
        if kind != "Binary" and _INVALID.search(content):
            raise _parameter(
                f"Message attribute {name!r} contains characters outside the allowed set."
            )
        if kind == "Number":
            try:
                float(content)
            except ValueError as error:
                raise _parameter(
                    f"Can't cast the value of message attribute {name!r} to a number."
                ) from error
    return attributes


def _size(asked: dict[str, Any]) -> int:
    """Bytes that count: the body, and each attribute's name, type and value."""
    told = [str(asked.get("MessageBody", ""))]
    for name, value in asked.get("MessageAttributes", {}).items():
        told += [
            name,
            value.get("DataType", ""),
            value.get("StringValue") or value.get("BinaryValue") or "",
        ]
    return sum(len(part.encode(errors="surrogatepass")) for part in told)


def _handle(queue: Queue, message: Message) -> str:
    return base64.b64encode(f"{queue.name}/{message.id}/{message.receives}".encode()).decode()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
