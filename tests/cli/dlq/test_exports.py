"""Exported messages: what is written restores what was there."""

import asyncio

import pytest

from cli.dlq.exports import ExportedMessage, missing_from
from console.queues.dead_messages import DeadMessage, DeadMessages, parse_delivery
from console.queues.visibility import HOLD_SECONDS
from pipeline.queue import Delivery, SqsQueue
from tests.stand_ins.aws import Aws


def message(body: str, message_id: str, attribute: str | None = None) -> DeadMessage:
    attributes = {}
    if attribute is not None:
        attributes["x"] = {"DataType": "String", "StringValue": attribute}
    return parse_delivery(Delivery(message_id, "handle", body, 1, attributes, 0.0))


async def read_one(dead_messages: DeadMessages) -> DeadMessage:
    snapshot = await dead_messages.read()
    (only,) = snapshot.messages
    return only


async def test_an_export_restores_body_and_attributes_exactly(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.queues.dead_messages.POLL_SECONDS", 0)
    attributes = {
        "sender": {"DataType": "String", "StringValue": "ü\n"},
        "weight": {"DataType": "Number.kg", "StringValue": "7"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    url = aws.make_queue().dead_letters_url
    async with SqsQueue(url, visibility_timeout=HOLD_SECONDS) as queue:
        await queue.send(' not a job "ü" ', attributes)
        dead_messages = DeadMessages(queue, asyncio.Event())
        original = await read_one(dead_messages)
        line = ExportedMessage.of(original.delivery).model_dump_json()
        await dead_messages.move([original], lambda _: asyncio.sleep(0))
        exported = ExportedMessage.model_validate_json(line)
        await queue.send(exported.body, exported.boto_attributes)
        restored = await read_one(dead_messages)
    assert exported.message_id == original.message_id
    assert exported.boto_attributes["blob"] == attributes["blob"]
    assert restored.delivery.body == original.delivery.body
    assert ExportedMessage.of(restored.delivery).attributes == exported.attributes
    assert missing_from([restored], [exported]) == []


def test_missing_messages_are_counted_by_content() -> None:
    in_queue = [message("a", "1"), message("b", "2", attribute="1")]
    in_file = [
        message("a", "3"),
        message("a", "4"),
        message("b", "5", attribute="2"),
        *in_queue,
    ]
    exported = [ExportedMessage.of(each.delivery) for each in in_file]
    missing = missing_from(in_queue, exported)
    assert [each.message_id for each in missing] == ["4", "5", "1"]
