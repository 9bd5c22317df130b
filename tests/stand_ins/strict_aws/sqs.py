"""SQS's rules for standard queues, without HTTP: valid messages, receipt handles, and visibility.

The rules are those of the SQS API reference
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/); if it is vague, the
stricter interpretation applies.
"""

import base64
import hashlib
import heapq
import json
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
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
    """An API error. ``code`` is the one that botocore shows."""

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
    """Whether it has reappeared once after its deletion; it will not do so again."""


@dataclass(frozen=True)
class RedrivePolicy:
    queue: str
    """The dead-letter queue's name."""
    max_receives: int
    """The number of receives after which a message goes to the dead-letter queue."""

    @classmethod
    def parse(cls, text: str) -> "RedrivePolicy":
        policy = json.loads(text)
        name = policy["deadLetterTargetArn"].rsplit(":", 1)[-1]
        return cls(name, int(policy["maxReceiveCount"]))


@dataclass(frozen=True)
class ReceiveRequest:
    """A validated ReceiveMessage request."""

    queue: "Queue"
    count: int
    visibility: float
    """Seconds for which the messages are hidden."""
    wait: float
    """Seconds for which the call may wait."""
    system_names: frozenset[str]
    """System attributes to return."""
    names: frozenset[str]
    """Message attributes to return."""


@dataclass
class Queue:
    name: str
    attributes: dict[str, str]
    messages: dict[str, Message] = field(default_factory=dict)
    visible: "OrderedDict[str, None]" = field(default_factory=OrderedDict)
    hidden: list[tuple[float, str]] = field(default_factory=list)
    """A heap of (visible at, message id). Outdated entries are skipped."""
    deleted: int = 0

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    @property
    def redrive_policy(self) -> "RedrivePolicy | None":
        text = self.attributes["RedrivePolicy"]
        return RedrivePolicy.parse(text) if text else None

    def hide(self, message: Message, until: float) -> None:
        message.visible_at = until
        self.visible.pop(message.id, None)
        heapq.heappush(self.hidden, (until, message.id))

    def show(self, message: Message, now: float) -> None:
        message.visible_at = now
        self.visible[message.id] = None

    def show_due(self, now: float) -> None:
        """Show the messages that have been hidden long enough."""
        while self.hidden and self.hidden[0][0] <= now:
            until, identity = heapq.heappop(self.hidden)
            message = self.messages.get(identity)
            if message is not None and message.visible_at == until:
                self.visible[identity] = None

    def next_change(self) -> float | None:
        """Return when the next hidden message becomes visible; None if there is none."""
        while self.hidden:
            until, identity = self.hidden[0]
            message = self.messages.get(identity)
            is_current = message is not None and message.visible_at == until
            if is_current and identity not in self.visible:
                return until
            heapq.heappop(self.hidden)
        return None


class Sqs:
    """All queues. ``max_visibility``, in seconds, is the limit of 12 hours; tests scale it down."""

    def __init__(
        self, clock: Callable[[], float], faults: Faults, *, max_visibility: float = MAX_VISIBILITY
    ):
        self._clock = clock
        self._faults = faults
        self._max_visibility = max_visibility
        self.queues: dict[str, Queue] = {}
        self.handed_out = 0
        """Number of deliveries from all queues."""
        self.arrived: Callable[[Queue], None] = lambda queue: None
        """Called with a queue when one of its messages may have become visible."""

    def call(self, operation: str, parameters: dict[str, Any], endpoint: str) -> dict[str, Any]:
        """Execute any operation except ReceiveMessage, which may have to wait: see
        ``check_receive`` and ``receive``.
        """
        match operation:
            case "CreateQueue":
                queue = self.create(parameters["QueueName"], parameters.get("Attributes", {}))
                return {"QueueUrl": self._url(endpoint, queue)}
            case "GetQueueUrl":
                queue = self.queue(parameters["QueueName"])
                return {"QueueUrl": self._url(endpoint, queue)}
            case "ListQueues":
                return {"QueueUrls": self._urls(endpoint, parameters.get("QueueNamePrefix", ""))}
        queue = self.of(parameters)
        operations: dict[str, Callable[[Queue, dict[str, Any]], dict[str, Any]]] = {
            "GetQueueAttributes": self._get_attributes,
            "SetQueueAttributes": self._set_attributes,
            "DeleteQueue": self._delete_queue,
            "PurgeQueue": self._purge,
            "SendMessage": self.send,
            "SendMessageBatch": self._send_batch,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": partial(self._batch, self._delete),
            "ChangeMessageVisibility": self._change_visibility,
            "ChangeMessageVisibilityBatch": partial(self._batch, self._change_visibility),
        }
        if operation not in operations:
            code = "AWS.SimpleQueueService.UnsupportedOperation"
            raise Refused(code, f"the stand-in has no {operation}")
        return operations[operation](queue, parameters)

    # Queues

    def create(self, name: str, attributes: dict[str, str]) -> Queue:
        if not _NAME.fullmatch(name):
            raise _parameter(f"queue name {name!r} may hold letters, digits, - and _, 80 at most")
        checked = self._check_settable(attributes)
        existing = self.queues.get(name)
        if existing is None:
            self.queues[name] = Queue(name, _SETTABLE | checked)
            return self.queues[name]
        if any(existing.attributes[key] != value for key, value in checked.items()):
            raise Refused("QueueAlreadyExists", "a queue of this name exists with other attributes")
        return existing

    def queue(self, name: str) -> Queue:
        if name not in self.queues:
            raise Refused(
                "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."
            )
        return self.queues[name]

    def of(self, parameters: dict[str, Any]) -> Queue:
        if not parameters.get("QueueUrl"):
            raise Refused("MissingParameter", "The request must contain the parameter QueueUrl.")
        return self.queue(str(parameters["QueueUrl"]).rstrip("/").rsplit("/", 1)[-1])

    def _check_settable(self, attributes: dict[str, str]) -> dict[str, str]:
        unknown = sorted(attributes.keys() - _SETTABLE.keys())
        if unknown:
            raise Refused("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
        text = attributes.get("RedrivePolicy")
        if text:
            policy = RedrivePolicy.parse(text)
            if not 1 <= policy.max_receives <= 1000:
                raise _parameter("maxReceiveCount must be from 1 to 1000")
            self.queue(policy.queue)
        return {name: str(value) for name, value in attributes.items()}

    def _get_attributes(self, queue: Queue, parameters: dict[str, Any]) -> dict[str, Any]:
        names = set(parameters.get("AttributeNames", []))
        now = self._clock()
        queue.show_due(now)
        hidden = [m for m in queue.messages.values() if m.id not in queue.visible]
        in_flight = sum(message.receives > 0 for message in hidden)
        attributes = {
            **queue.attributes,
            "QueueArn": queue.arn,
            "ApproximateNumberOfMessages": str(len(queue.visible)),
            "ApproximateNumberOfMessagesNotVisible": str(in_flight),
            "ApproximateNumberOfMessagesDelayed": str(len(hidden) - in_flight),
        }
        unknown = sorted(names - attributes.keys() - {"All"})
        if unknown:
            raise Refused("InvalidAttributeName", f"Unknown Attribute {unknown[0]}.")
        with_value = {name: value for name, value in attributes.items() if value}
        return {"Attributes": _select(with_value, names)}

    def _set_attributes(self, queue: Queue, parameters: dict[str, Any]) -> dict[str, Any]:
        queue.attributes.update(self._check_settable(parameters["Attributes"]))
        return {}

    def _delete_queue(self, queue: Queue, parameters: dict[str, Any]) -> dict[str, Any]:
        del self.queues[queue.name]
        return {}

    def _purge(self, queue: Queue, parameters: dict[str, Any]) -> dict[str, Any]:
        queue.messages.clear()
        queue.visible.clear()
        return {}

    def _urls(self, endpoint: str, prefix: str) -> list[str]:
        queues = [queue for queue in self.queues.values() if queue.name.startswith(prefix)]
        return [self._url(endpoint, queue) for queue in queues]

    # Messages

    def send(self, queue: Queue, parameters: dict[str, Any]) -> dict[str, Any]:
        body = parameters.get("MessageBody")
        if not body:
            raise Refused("MissingParameter", "The request must contain the parameter MessageBody.")
        attributes = check_attributes(parameters.get("MessageAttributes", {}))
        if _INVALID.search(body):
            raise Refused(
                "InvalidMessageContents", "The message contains characters outside the allowed set."
            )
        limit = int(queue.attributes["MaximumMessageSize"])
        if _size(parameters) > limit:
            raise _parameter(
                f"One or more parameters are invalid. Reason: Message must be shorter than {limit}"
                " bytes."
            )
        delay = float(parameters.get("DelaySeconds", queue.attributes["DelaySeconds"]))
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

    def check_receive(self, parameters: dict[str, Any]) -> ReceiveRequest:
        queue = self.of(parameters)
        defaults = queue.attributes
        count = int(parameters.get("MaxNumberOfMessages", 1))
        visibility = float(parameters.get("VisibilityTimeout", defaults["VisibilityTimeout"]))
        default_wait = defaults["ReceiveMessageWaitTimeSeconds"]
        wait = float(parameters.get("WaitTimeSeconds", default_wait))
        if not 1 <= count <= 10:
            raise _parameter(
                f"Value {count} for parameter MaxNumberOfMessages is invalid. Reason: Must be 1"
                " to 10."
            )
        if not 0 <= wait <= 20:
            raise _parameter(
                f"Value {wait:g} for parameter WaitTimeSeconds is invalid. Reason: Must be 0 to 20."
            )
        self._check_visibility(visibility)
        old_names = parameters.get("AttributeNames", [])
        system_names = [*parameters.get("MessageSystemAttributeNames", []), *old_names]
        names = parameters.get("MessageAttributeNames", [])
        return ReceiveRequest(
            queue, count, visibility, wait, frozenset(system_names), frozenset(names)
        )

    def receive(self, request: ReceiveRequest) -> list[dict[str, Any]]:
        """Hand out visible messages; those received too often go to the dead-letter queue."""
        queue = request.queue
        now = self._clock()
        queue.show_due(now)
        if len(queue.messages) - len(queue.visible) >= MAX_IN_FLIGHT:
            raise Refused("OverLimit", "Too many messages are in flight.", 403)
        messages = self._take_visible(queue, request.count)
        for message in messages:
            message.receives += 1
            message.received_at = now
            message.first_received_at = message.first_received_at or now
        answers = [self._render(message, request) for message in messages]
        for message in messages:
            if self._faults.strikes("doubled"):
                queue.show(message, now)
            else:
                queue.hide(message, now + request.visibility)
        self.handed_out += len(messages)
        return answers

    def _take_visible(self, queue: Queue, count: int) -> list[Message]:
        policy = queue.redrive_policy
        messages: list[Message] = []
        while queue.visible and len(messages) < count:
            newest_first = len(queue.visible) > 1 and self._faults.strikes("disordered")
            identity, _ = queue.visible.popitem(last=newest_first)
            message = queue.messages[identity]
            if policy is not None and message.receives >= policy.max_receives:
                self._redrive(queue, message, policy.queue)
            else:
                messages.append(message)
        return messages

    def _redrive(self, queue: Queue, message: Message, name: str) -> None:
        target = self.queue(name)
        del queue.messages[message.id]
        message.dead_letter_of = queue.arn
        target.messages[message.id] = message
        target.show(message, self._clock())
        self.arrived(target)

    def _render(self, message: Message, request: ReceiveRequest) -> dict[str, Any]:
        """Return a received message in the API's form."""
        system = {
            "ApproximateReceiveCount": str(message.receives),
            "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
            "SentTimestamp": str(int(message.sent_at * 1000)),
            "SenderId": "AIDASTANDIN",
        }
        if message.dead_letter_of:
            system["DeadLetterQueueSourceArn"] = message.dead_letter_of
        answer: dict[str, Any] = {
            "MessageId": message.id,
            "ReceiptHandle": _handle(request.queue, message),
            "Body": message.body,
            "MD5OfBody": _md5(message.body),
        }
        system_attributes = _select(system, request.system_names)
        if system_attributes:
            answer["Attributes"] = system_attributes
        attributes = _select(message.attributes, request.names)
        if attributes:
            answer["MessageAttributes"] = attributes
        return answer

    def _find(self, queue: Queue, parameters: dict[str, Any]) -> tuple[Message | None, bool]:
        """Return a receipt handle's message, if it still exists, and whether the handle is that of
        the newest receive.
        """
        try:
            handle = base64.b64decode(parameters["ReceiptHandle"], validate=True).decode()
            name, identity, receive = handle.split("/")
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

    def _delete(self, queue: Queue, parameters: dict[str, Any]) -> dict[str, Any]:
        message, is_newest = self._find(queue, parameters)
        if message is None or not is_newest:
            return {}  # accepted, but nothing happens
        if not message.returned and self._faults.strikes("undeleted"):
            message.returned = True
            queue.show(message, self._clock())
            self.arrived(queue)
            return {}
        del queue.messages[message.id]
        queue.visible.pop(message.id, None)
        queue.deleted += 1
        return {}

    def _change_visibility(self, queue: Queue, parameters: dict[str, Any]) -> dict[str, Any]:
        message, is_newest = self._find(queue, parameters)
        seconds = float(parameters["VisibilityTimeout"])
        now = self._clock()
        self._check_visibility(seconds)
        if message is None:
            raise _parameter(
                f"Value {parameters['ReceiptHandle']} for parameter ReceiptHandle is invalid."
                " Reason: Message does not exist or is not available for visibility timeout change."
            )
        queue.show_due(now)
        if not is_newest or message.id in queue.visible:
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

    def _send_batch(self, queue: Queue, parameters: dict[str, Any]) -> dict[str, Any]:
        if sum(_size(entry) for entry in parameters["Entries"]) > MAX_BYTES:
            code = "AWS.SimpleQueueService.BatchRequestTooLong"
            raise Refused(code, "the entries are too long together")
        return self._batch(self.send, queue, parameters)

    def _batch(
        self,
        act: Callable[[Queue, dict[str, Any]], dict[str, Any]],
        queue: Queue,
        parameters: dict[str, Any],
    ) -> dict[str, Any]:
        entries = parameters.get("Entries") or []
        check_batch([entry["Id"] for entry in entries], "AWS.SimpleQueueService.")
        successes: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        for entry in entries:
            identity = entry["Id"]
            if self._faults.strikes("entry_failed"):
                failures.append(_failure(identity, "InternalError", "try again", by_sender=False))
                continue
            try:
                successes.append({"Id": identity, **act(queue, entry)})
            except Refused as error:
                code = error.code.rsplit(".", 1)[-1]
                failures.append(_failure(identity, code, error.message, by_sender=True))
        return {"Successful": successes, "Failed": failures}

    def _url(self, endpoint: str, queue: Queue) -> str:
        return f"{endpoint}/{ACCOUNT}/{queue.name}"


def _failure(identity: str, code: str, message: str, *, by_sender: bool) -> dict[str, Any]:
    return {"Id": identity, "Code": code, "SenderFault": by_sender, "Message": message}


def _select(attributes: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the attributes of these names; ``All`` and ``.*`` mean every one."""
    if "All" in names or ".*" in names:
        return dict(attributes)
    return {name: value for name, value in attributes.items() if name in names}


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


def _size(parameters: dict[str, Any]) -> int:
    """Return the counted size in bytes: the body, and each attribute's name, type and value."""
    parts = [str(parameters.get("MessageBody", ""))]
    for name, value in parameters.get("MessageAttributes", {}).items():
        content = value.get("StringValue") or value.get("BinaryValue") or ""
        parts += [name, value.get("DataType", ""), content]
    return sum(len(part.encode(errors="surrogatepass")) for part in parts)


def _handle(queue: Queue, message: Message) -> str:
    return base64.b64encode(f"{queue.name}/{message.id}/{message.receives}".encode()).decode()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
