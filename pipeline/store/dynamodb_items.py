"""Items in the form of boto3's low-level client for DynamoDB.

An item's attributes are its key (``pk``, ``sk``), its place in the index ``listed`` (``listed``,
``listed_at``, and the values that listings are filtered by), ``version``, ``expires``, and ``data``
(JSON; compressed above ``COMPRESS_BYTES``). A counter has ``used`` instead of data. ``version``
counts the writes of an item.
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from pipeline.store.table import FILTERS, Item, Key

#: An item in the form of boto3's low-level client.
Attributes = dict[str, Any]

#: Bytes above which data is compressed: an item may have 400 KB, and writes are billed by the KB
#: (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html).
COMPRESS_BYTES = 4_000


def key_of(attributes: Attributes) -> Key:
    return Key(attributes["pk"]["S"], attributes["sk"]["S"])


def key_attributes(key: Key) -> Attributes:
    return {"pk": {"S": key.partition}, "sk": {"S": key.sort}}


def to_attributes(item: Item, version: int) -> Attributes:
    attributes = key_attributes(item.key)
    attributes["version"] = {"N": str(version)}
    attributes["data"] = _packed(item.data)
    if item.listing is not None:
        attributes["listed"] = {"S": item.listing}
        attributes["listed_at"] = {"S": item.listed_at}
        for name in FILTERS:
            if item.data.get(name) is not None:
                attributes[name] = {"S": item.data[name]}
    if item.expires is not None:
        attributes["expires"] = {"N": str(item.expires)}
    return attributes


def item_of(attributes: Attributes) -> Item:
    listing = attributes.get("listed")
    listed_at = attributes.get("listed_at")
    expires = attributes.get("expires")
    return Item(
        key=key_of(attributes),
        data=_unpacked(attributes["data"]),
        listing=listing["S"] if listing is not None else None,
        listed_at=listed_at["S"] if listed_at is not None else "",
        expires=int(expires["N"]) if expires is not None else None,
    )


def _packed(data: Mapping[str, Any]) -> dict[str, Any]:
    text = json.dumps(data)
    if len(text) <= COMPRESS_BYTES:
        return {"S": text}
    return {"B": zlib.compress(text.encode())}


def _unpacked(value: Mapping[str, Any]) -> dict[str, Any]:
    text = value["S"] if "S" in value else zlib.decompress(bytes(value["B"]))
    data: dict[str, Any] = json.loads(text)
    return data
