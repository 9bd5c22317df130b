"""Files of dead messages, written by `dlq export` and `dlq discard` and read by `dlq import`."""

import base64
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from pydantic import BaseModel, ConfigDict, ValidationError

from cli import exits
from cli.command import CommandError
from cli.new_file import create_file
from cli.text_lines import read_lines
from console.queues.dead_messages import DeadMessage
from pipeline.job import explain
from pipeline.queue import Delivery

#: The exported fields of an attribute. SQS's list values, which are never filled, are left out.
_ATTRIBUTE_FIELDS = ("DataType", "StringValue", "BinaryValue")


class ExportedMessage(BaseModel):
    """One line of an export: enough to put the message back. Binary attributes are in base64."""

    model_config = ConfigDict(extra="forbid")

    message_id: str
    sent_at: float
    body: str
    attributes: dict[str, dict[str, str]]

    @classmethod
    def of(cls, delivery: Delivery) -> "ExportedMessage":
        attributes = {
            name: _encode_attribute(attribute) for name, attribute in delivery.attributes.items()
        }
        return cls(
            message_id=delivery.message_id,
            sent_at=delivery.sent_at,
            body=delivery.body,
            attributes=attributes,
        )

    @property
    def boto_attributes(self) -> dict[str, dict[str, Any]]:
        """The attributes in boto3's form."""
        return {name: _decode_attribute(value) for name, value in self.attributes.items()}

    @property
    def content(self) -> str:
        """Equal for messages that differ only in their ids and times."""
        return json.dumps([self.body, self.attributes], sort_keys=True)


def missing_from(
    messages: Iterable[DeadMessage], exported: Iterable[ExportedMessage]
) -> list[ExportedMessage]:
    """Return the exported messages that are not among ``messages``. Each of ``messages`` accounts
    for one exported message with the same content.
    """
    present = Counter(ExportedMessage.of(message.delivery).content for message in messages)
    missing = []
    for message in exported:
        if present[message.content] > 0:
            present[message.content] -= 1
        else:
            missing.append(message)
    return missing


def read_export(file: TextIO) -> list[ExportedMessage]:
    """Return the messages of an export. Ends the command if a line is not a message."""
    exported = []
    for number, line in read_lines(file, "nothing was imported"):
        try:
            exported.append(ExportedMessage.model_validate_json(line))
        except ValidationError as error:
            where = f"{file.name}, line {number} (as dlq export writes it)"
            message = f"{where}: {explain(error)}; nothing was imported"
            raise CommandError(message, exits.USAGE) from None
    return exported


@contextmanager
def new_file(path: Path) -> Iterator[Callable[[str], None]]:
    """Yield a function that writes a line to a new file, which only its owner can read. Each line
    is on the disk when the call returns.
    """
    with create_file(path) as file:

        def write(line: str) -> None:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())

        yield write


def _encode_attribute(attribute: Mapping[str, Any]) -> dict[str, str]:
    encoded = {}
    for name in _ATTRIBUTE_FIELDS:
        value = attribute.get(name)
        if isinstance(value, bytes):
            encoded[name] = base64.b64encode(value).decode()
        elif value is not None:
            encoded[name] = value
    return encoded


def _decode_attribute(attribute: Mapping[str, str]) -> dict[str, Any]:
    decoded: dict[str, Any] = dict(attribute)
    if "BinaryValue" in attribute:
        decoded["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
    return decoded
