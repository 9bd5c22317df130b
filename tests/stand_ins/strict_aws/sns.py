"""SNS's rules for standard topics whose subscribers are SQS queues, in the query protocol that
botocore speaks to it.

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
    """(queue's name, whether it gets the bare message)"""


class Sns:
    def __init__(self, sqs: Sqs, faults: Faults):
        self._sqs = sqs
        self._faults = faults
        self.topics: dict[str, Topic] = {}
        self.published: list[Published] = []
        """What was accepted, in order: what every subscriber gets at least once."""

    def call(self, action: str, asked: dict[str, str]) -> str:
        """The inside of the action's result, as XML."""
        match action:
            case "CreateTopic":
                return f"<TopicArn>{self._create(asked['Name'])}</TopicArn>"
            case "ListTopics":
                members = "".join(
                    f"<member><TopicArn>{arn}</TopicArn></member>" for arn in self.topics
                )
                return f"<Topics>{members}</Topics>"
            case "PublishBatch":
                return self._publish_batch(asked)
            case "Publish":
                return f"<MessageId>{self._publish(asked)}</MessageId>"
        topic = self._topic(asked.get("TopicArn", ""))
        match action:
            case "GetTopicAttributes":
                told = "".join(
                    f"<entry><key>{escape(name)}</key><value>{escape(value)}</value></entry>"
                    for name, value in ({"TopicArn": topic.arn} | topic.attributes).items()
                )
                return f"<Attributes>{told}</Attributes>"
            case "SetTopicAttributes":
                topic.attributes[asked["AttributeName"]] = asked.get("AttributeValue", "")
                return ""
            case "DeleteTopic":
                del self.topics[topic.arn]
                return ""
            case "Subscribe":
                return f"<SubscriptionArn>{self._subscribe(topic, asked)}</SubscriptionArn>"
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

    def _subscribe(self, topic: Topic, asked: dict[str, str]) -> str:
        if asked.get("Protocol") != "sqs":
            raise Refused("InvalidParameter", "the stand-in's subscribers are SQS queues")
        name = asked["Endpoint"].rsplit(":", 1)[-1]
        self._sqs.queue(name)
        attributes = {entry["key"]: entry["value"] for entry in _listed(asked, "Attributes.entry")}
        subscription = (name, attributes.get("RawMessageDelivery", "false").lower() == "true")
        if subscription not in topic.subscriptions:
            topic.subscriptions.append(subscription)
        return f"{topic.arn}:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"

    def _publish_batch(self, asked: dict[str, str]) -> str:
        entries = _listed(asked, "PublishBatchRequestEntries.member")
        check_batch([entry["Id"] for entry in entries], "")
        done = failed = ""
        for entry in entries:
            told = f"<Id>{escape(entry['Id'])}</Id>"
            try:
                if self._faults.drawn("entry_failed"):
                    raise Refused("InternalError", "again", 500)
                identity = self._publish(entry | {"TopicArn": asked.get("TopicArn", "")})
            except Refused as error:
                fault = str(error.status < 500).lower()
                reason = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
                failed += f"<member>{told}{reason}<SenderFault>{fault}</SenderFault></member>"
            else:
                done += f"<member>{told}<MessageId>{identity}</MessageId></member>"
        return f"<Successful>{done}</Successful><Failed>{failed}</Failed>"

    def _publish(self, asked: dict[str, str]) -> str:
        topic = self._topic(asked.get("TopicArn", ""))
        message = asked.get("Message", "")
        if not message:
            raise Refused("InvalidParameter", "Invalid parameter: Empty message")
        attributes: dict[str, dict[str, Any]] = {
            entry["Name"]: {
                key.removeprefix("Value."): value for key, value in entry.items() if key != "Name"
            }
            for entry in _listed(asked, "MessageAttributes.entry")
        }
        check_attributes(attributes)
        told = [
            message,
            *(part for name, value in attributes.items() for part in (name, *value.values())),
        ]
        if sum(len(part.encode()) for part in told) > MAX_BYTES:
            raise Refused("InvalidParameter", "Invalid parameter: Message too long")
        identity = str(uuid.uuid4())
        plain = {name: str(value.get("StringValue", "")) for name, value in attributes.items()}
        self.published.append(Published(topic.arn, message, plain))
        for name, raw in topic.subscriptions:
            copies = 2 if self._faults.drawn("doubled") else 1
            for _ in range(copies):
                self._sqs.send(
                    self._sqs.queue(name),
                    _raw(message, attributes)
                    if raw
                    else _envelope(topic, identity, message, attributes, asked.get("Subject")),
                )
        return identity


def _raw(message: str, attributes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"MessageBody": message, "MessageAttributes": attributes}


def _envelope(
    topic: Topic,
    identity: str,
    message: str,
    attributes: dict[str, dict[str, Any]],
    subject: str | None,
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": identity,
        "TopicArn": topic.arn,
        "Message": message,
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": topic.attributes["SignatureVersion"],
        "Signature": "none: a stand-in",
    }
    if subject:
        told["Subject"] = subject
    if attributes:
        told["MessageAttributes"] = {
            name: {
                "Type": value["DataType"],
                "Value": value.get("StringValue") or value.get("BinaryValue"),
            }
            for name, value in attributes.items()
        }
    return {"MessageBody": json.dumps(told)}


def _listed(asked: dict[str, str], prefix: str) -> list[dict[str, str]]:
    """The entries that the query protocol spreads over ``prefix.1.field``, ``prefix.2.field``."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for key, value in asked.items():
        if key.startswith(f"{prefix}."):
            number, _, name = key[len(prefix) + 1 :].partition(".")
            found[int(number)][name] = value
    return [found[number] for number in sorted(found)]


def parameters(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True))
