"""Message attributes of a dead letter, within SQS's limits."""

import re
from typing import Any

from pipeline.queue.delivery import REASON, Attribute, Attributes

#: SQS's limit of attributes in one message.
MAX_ATTRIBUTES = 10
#: Characters that SQS takes in no text (SendMessage, "Message characters").
REFUSED_CHARACTERS = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text_attribute(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def fit_attributes(attributes: Attributes, reason: str, room: int) -> dict[str, Attribute]:
    """Return the first attributes that fit, and as much of the reason as then does.

    ``room`` is in bytes, over which SQS refuses the message.
    """
    fitting: dict[str, Attribute] = {}
    for name, value in attributes.items():
        size = _size(name, value)
        if size <= room and len(fitting) < MAX_ATTRIBUTES:
            fitting[name] = dict(value)
            room -= size
    room -= _size(REASON, text_attribute(""))
    text = _cut(REFUSED_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", reason), room)
    if text and len(fitting) < MAX_ATTRIBUTES:
        fitting[REASON] = text_attribute(text)
    return fitting


def _cut(text: str, size: int) -> str:
    """Return the text's beginning that takes at most ``size`` bytes."""
    return text.encode()[: max(size, 0)].decode(errors="ignore")


def _size(name: str, value: Attribute) -> int:
    """Return the bytes that SQS counts for an attribute."""
    content = value.get("StringValue") or value.get("BinaryValue") or ""
    encoded = content.encode() if isinstance(content, str) else content
    return len(name.encode()) + len(value["DataType"].encode()) + len(encoded)
