"""Message attributes: their form, their size, and those of a dead letter within SQS's limits."""

from typing import Any

from pipeline.message_text import replace_refused
from pipeline.queue.delivery import REASON, Attribute, Attributes

#: SQS's limit on the number of attributes in a message.
MAX_ATTRIBUTES = 10


def text_attribute(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def fit_attributes(attributes: Attributes, reason: str, room: int) -> dict[str, Attribute]:
    """Return the attributes that fit, in order, then as much of the reason as still fits.

    ``room`` is the number of bytes above which SQS refuses the message.
    """
    fitting: dict[str, Attribute] = {}
    for name, value in attributes.items():
        size = size_of_attribute(name, value)
        if size <= room and len(fitting) < MAX_ATTRIBUTES:
            fitting[name] = dict(value)
            room -= size
    if len(fitting) == MAX_ATTRIBUTES:
        return fitting
    overhead = size_of_attribute(REASON, text_attribute(""))
    valid = replace_refused(reason)
    text = _cut(valid, room - overhead)
    if text:
        fitting[REASON] = text_attribute(text)
    return fitting


def _cut(text: str, size: int) -> str:
    """Truncate the text to at most ``size`` bytes of UTF-8."""
    if size <= 0:
        return ""
    beginning = text.encode()[:size]
    return beginning.decode(errors="ignore")


def size_of_attribute(name: str, value: Attribute) -> int:
    """Return the bytes that SQS and SNS count for an attribute."""
    parts = [name.encode(), value["DataType"].encode()]
    text = value.get("StringValue")
    if text:
        parts.append(text.encode())
    else:
        parts.append(value.get("BinaryValue") or b"")
    return sum(len(part) for part in parts)
