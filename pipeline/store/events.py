"""Events that wait to be published, and when one that its topic refuses is due again."""

from collections.abc import Sequence

from pipeline.outcome import Event
from pipeline.store import rows
from pipeline.store.contract import PendingEvent
from pipeline.store.rows import StoredRun
from pipeline.store.table import Item
from pipeline.store.transaction import RunTransaction

MAX_EVENT_TRIES = 15
"""Refusals by its topic, over about four hours, after which an event is parked."""
_LONGEST_DELAY = 3600
"""Maximum seconds until a refused event is tried again."""


def put_event(tx: RunTransaction, run: StoredRun, event: Event, topic_arn: str | None) -> None:
    """Store an event to be published; without a topic, as published."""
    if topic_arn is None:
        tx.items.put(rows.published_event_item(run, event, tx.now, tx.expires))
    else:
        tx.items.put(rows.pending_event_item(run, event, topic_arn, tx.now))


def refuse_event(tx: RunTransaction, event: PendingEvent, error: str) -> bool:
    """Put an event that its topic has refused aside: until it is due again, or for good.

    Workers try the same event at about the same time: only the first refusal counts.

    Args:
        event: as it was before it was tried.
        error: the refusal.

    Returns:
        Whether it is parked now.
    """
    item = _unpublished(tx, event.event_id)
    if item is None or item.data.get("tries", 0) != event.tries:
        return False
    tries = event.tries + 1
    is_parked = tries >= MAX_EVENT_TRIES
    due_at = tx.now if is_parked else tx.now + _delay(tries)
    listing = rows.PARKED if is_parked else rows.RETRIES
    tx.items.put(rows.refused_event_item(item, listing, due_at, error))
    return is_parked


def release_event(tx: RunTransaction, event_id: str) -> None:
    """Let a parked event be published again."""
    item = tx.items.get(rows.event_key(event_id))
    if item is not None and item.listing == rows.PARKED:
        tx.items.put(rows.released_event_item(item, tx.now))


def mark_published(tx: RunTransaction, event_ids: Sequence[str]) -> None:
    keys = [rows.event_key(event_id) for event_id in event_ids]
    for item in tx.items.get_many(keys):
        if item.data["published_at"] is None:
            data = {**item.data, "published_at": tx.now}
            tx.items.put(Item(item.key, data, expires=tx.expires))


def _unpublished(tx: RunTransaction, event_id: str) -> Item | None:
    """Return an event that is still to be published; None if it is published or unknown."""
    item = tx.items.get(rows.event_key(event_id))
    if item is None or item.data["published_at"] is not None:
        return None
    return item


def _delay(tries: int) -> float:
    """Return the seconds after which an event that was refused ``tries`` times is due again."""
    doublings = min(tries, 20)
    return float(min(2**doublings, _LONGEST_DELAY))
