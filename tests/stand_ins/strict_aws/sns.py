"""SNS's rules for standard topics whose subscribers are SQS queues, in the query protocol that
botocore uses.

Rules are those of the SNS API reference (https://docs.aws.amazon.com/sns/latest/api/).
"""

import json
import re
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from tests.stand_ins.strict_aws.faults import Faults
from tests.stand_ins.strict_aws.sqs import (
    ACCOUNT,
    REGION,
    Refused,
    Sqs,
    check_attributes,
    check_batch,
)

MAX_BYTES = 262_144
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True)
class Published:
    topic_arn: str
    message: str
    attributes: dict[str, str]


@dataclass
class Topic:
    arn: str
    attributes: dict[str, str]
    subscriptions: list[tuple[str, bool]] = field(default_factory=list)
    """(the queue's name, whether it gets the raw message)"""


class Sns:
    def __init__(self, sqs: Sqs, faults: Faults):
        self._sqs = sqs
        self._faults = faults
        self.topics: dict[str, Topic] = {}
        self.published: list[Published] = []
        """The accepted messages, in order: every subscriber gets each of them at least once."""

    def call(self, action: str, parameters: dict[str, str]) -> str:
        """Return the content of the action's result element, as XML."""
        match action:
            case "CreateTopic":
                return f"<TopicArn>{self._create(parameters['Name'])}</TopicArn>"
            case "ListTopics":
                arns = [f"<member><TopicArn>{arn}</TopicArn></member>" for arn in self.topics]
                members = "".join(arns)
                return f"<Topics>{members}</Topics>"
            case "PublishBatch":
                return self._publish_batch(parameters)
            case "Publish":
                return f"<MessageId>{self._publish(parameters)}</MessageId>"
        topic = self._topic(parameters.get("TopicArn", ""))
        match action:
            case "GetTopicAttributes":
                attributes = {"TopicArn": topic.arn, **topic.attributes}
                return f"<Attributes>{_entries(attributes)}</Attributes>"
            case "SetTopicAttributes":
                topic.attributes[parameters["AttributeName"]] = parameters.get("AttributeValue", "")
                return ""
            case "DeleteTopic":
                del self.topics[topic.arn]
                return ""
            case "Subscribe":
                return f"<SubscriptionArn>{self._subscribe(topic, parameters)}</SubscriptionArn>"
        raise Refused("InvalidAction", f"the stand-in has no {action}")

    def _create(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise Refused("InvalidParameter", "Invalid parameter: Topic Name")
        arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"
        self.topics.setdefault(arn, Topic(arn, {"SignatureVersion": "1"}))
        return arn

    def _topic(self, arn: str) -> Topic:
        if arn not in self.topics:
            raise Refused("NotFound", "Topic does not exist", 404)
        return self.topics[arn]

    def _subscribe(self, topic: Topic, parameters: dict[str, str]) -> str:
        if parameters.get("Protocol") != "sqs":
            raise Refused("InvalidParameter", "the stand-in's subscribers are SQS queues")
        name = parameters["Endpoint"].rsplit(":", 1)[-1]
        self._sqs.queue(name)
        entries = _read_list(parameters, "Attributes.entry")
        attributes = {entry["key"]: entry["value"] for entry in entries}
        is_raw = attributes.get("RawMessageDelivery", "false").lower() == "true"
        subscription = (name, is_raw)
        if subscription not in topic.subscriptions:
            topic.subscriptions.append(subscription)
        return f"{topic.arn}:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"

    def _publish_batch(self, parameters: dict[str, str]) -> str:
        entries = _read_list(parameters, "PublishBatchRequestEntries.member")
        check_batch([entry["Id"] for entry in entries], "")
        sizes = [_size(entry.get("Message", ""), _read_attributes(entry)) for entry in entries]
        if sum(sizes) > MAX_BYTES:
            raise Refused("BatchRequestTooLong", "The length of all the messages is over the limit")
        successes = ""
        failures = ""
        for entry in entries:
            identity = f"<Id>{escape(entry['Id'])}</Id>"
            try:
                if self._faults.strikes("entry_failed"):
                    raise Refused("InternalError", "try again", 500)
                message_id = self._publish({**entry, "TopicArn": parameters.get("TopicArn", "")})
            except Refused as error:
                by_sender = "true" if error.status < 500 else "false"
                code = f"<Code>{error.code}</Code>"
                message = f"<Message>{escape(error.message)}</Message>"
                fault = f"<SenderFault>{by_sender}</SenderFault>"
                failures += f"<member>{identity}{code}{message}{fault}</member>"
            else:
                successes += f"<member>{identity}<MessageId>{message_id}</MessageId></member>"
        return f"<Successful>{successes}</Successful><Failed>{failures}</Failed>"

    def _publish(self, parameters: dict[str, str]) -> str:
        topic = self._topic(parameters.get("TopicArn", ""))
        message = parameters.get("Message", "")
        if not message:
            raise Refused("InvalidParameter", "Invalid parameter: Empty message")
        attributes = _read_attributes(parameters)
        check_attributes(attributes)
        if _size(message, attributes) > MAX_BYTES:
            raise Refused("InvalidParameter", "Invalid parameter: Message too long")
        message_id = str(uuid.uuid4())
        texts = {name: str(value.get("StringValue", "")) for name, value in attributes.items()}
        self.published.append(Published(topic.arn, message, texts))
        envelope = _envelope(topic, message_id, message, attributes, parameters.get("Subject"))
        for name, is_raw in topic.subscriptions:
            copies = 2 if self._faults.strikes("doubled") else 1
            content = _raw(message, attributes) if is_raw else envelope
            for _ in range(copies):
                self._sqs.send(self._sqs.queue(name), content)
        return message_id


def _read_attributes(parameters: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Return the message's attributes by name, each in boto3's form."""
    attributes: dict[str, dict[str, Any]] = {}
    for entry in _read_list(parameters, "MessageAttributes.entry"):
        name = entry.pop("Name")
        attributes[name] = {key.removeprefix("Value."): value for key, value in entry.items()}
    return attributes


def _size(message: str, attributes: dict[str, dict[str, Any]]) -> int:
    """Return the counted size in bytes: the message, and each attribute's name, type and value."""
    parts = [message]
    for name, value in attributes.items():
        parts += [name, *value.values()]
    return sum(len(part.encode()) for part in parts)


def _entries(attributes: dict[str, str]) -> str:
    entries = ""
    for name, value in attributes.items():
        entries += f"<entry><key>{escape(name)}</key><value>{escape(value)}</value></entry>"
    return entries


def _raw(message: str, attributes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"MessageBody": message, "MessageAttributes": attributes}


def _envelope(
    topic: Topic,
    message_id: str,
    message: str,
    attributes: dict[str, dict[str, Any]],
    subject: str | None,
) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": topic.arn,
        "Message": message,
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": topic.attributes["SignatureVersion"],
        "Signature": "none: a stand-in",
    }
    if subject:
        envelope["Subject"] = subject
    if attributes:
        message_attributes = {}
        for name, value in attributes.items():
            content = value.get("StringValue") or value.get("BinaryValue")
            message_attributes[name] = {"Type": value["DataType"], "Value": content}
        envelope["MessageAttributes"] = message_attributes
    return {"MessageBody": json.dumps(envelope)}


def _read_list(parameters: dict[str, str], prefix: str) -> list[dict[str, str]]:
    """Return the entries that the query protocol encodes as ``prefix.1.field`` and so on."""
    entries: dict[int, dict[str, str]] = defaultdict(dict)
    for key, value in parameters.items():
        if key.startswith(f"{prefix}."):
            number, _, name = key[len(prefix) + 1 :].partition(".")
            entries[int(number)][name] = value
    return [entries[number] for number in sorted(entries)]


def parse_parameters(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True))
