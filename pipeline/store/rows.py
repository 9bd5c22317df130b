"""The layout of the store's rows as items.

| partition          | sort                         | item                                       |
|--------------------|------------------------------|--------------------------------------------|
| ``job#JOB_ID``     | ``job``                      | the digest of the body that stands, its    |
|                    |                              | generation and the newest                  |
| ``job#JOB_ID``     | ``run#GENERATION``           | a run and its lease                        |
| ``job#JOB_ID``     | ``replay#REPLAY_ID``         | the generation that a replay started       |
| ``job#JOB_ID``     | ``body#DIGEST``              | the rejected generation of a body that     |
|                    |                              | another one replaced                       |
| ``job#JOB_ID``     | ``KIND#GENERATION#NUMBER``   | a part of a run: checkpoint, round,        |
|                    |                              | effect, call or moment of its history      |
| ``job#JOB_ID``     | ``open#GENERATION``          | exists while the run has no outcome        |
| ``number#NUMBER``  | ``OWNER/NAME#TIME#JOB_ID#``  | names a run whose issue or pull request    |
|                    | ``GENERATION``               | has this number                            |
| ``issue#URL``      | ``opener``                   | the job that was last to open the issue's  |
|                    |                              | pull request                               |
| ``event#EVENT_ID`` | ``event``                    | an event of the outbox                     |
| ``day#YYYY-MM-DD`` | ``total``                    | counter: micro-dollars reserved and        |
|                    |                              | settled on the day                         |
| ``day#YYYY-MM-DD`` | ``repository#NAME``          | counter: one repository's share of it      |
| ``day#YYYY-MM-DD`` | ``key#NAME``                 | counter: the share of one API key's jobs   |

The listing ``job`` has all jobs, sorted by id. The others are sorted by time: ``run`` has all runs,
``open`` those without an outcome, ``pending`` the events that no one has tried to publish,
``retry`` those that were refused, by when they are due again, and ``parked`` those that were
refused too often.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from pipeline.money import to_micro_usd
from pipeline.outcome import Event
from pipeline.run_key import RunKey
from pipeline.store.contract import (
    Call,
    Checkpoint,
    Effect,
    Lease,
    Moment,
    PendingEvent,
    Round,
    RunRow,
    place_at,
)
from pipeline.store.table import Item, Key

Row = TypeVar("Row", Call, Checkpoint, Effect, Moment, PendingEvent, Round, RunRow)

JOBS = "job"
RUNS = "run"
OPEN = "open"
PENDING = "pending"
RETRIES = "retry"
PARKED = "parked"

CHECKPOINT = "checkpoint"
ROUND = "round"
EFFECT = "effect"
CALL = "call"
MOMENT = "history"

DAY_REPOSITORY = "repository#"
"""Prefix of the sort keys of the counters of repositories."""


def job_partition(job_id: str) -> str:
    return f"job#{job_id}"


def job_key(job_id: str) -> Key:
    return Key(job_partition(job_id), "job")


def run_item_key(key: RunKey) -> Key:
    return Key(job_partition(key.job_id), f"run#{key.generation:06d}")


def open_key(key: RunKey) -> Key:
    return Key(job_partition(key.job_id), f"open#{key.generation:06d}")


def run_key_of_open(key: Key) -> Key:
    """Return the key of the run that an item under ``open_key`` stands for."""
    return Key(key.partition, key.sort.replace("open#", "run#", 1))


def replay_key(job_id: str, replay_id: str) -> Key:
    return Key(job_partition(job_id), f"replay#{replay_id}")


def replaced_body_key(job_id: str, digest: str) -> Key:
    return Key(job_partition(job_id), f"body#{digest}")


def part_prefix(kind: str, generation: int) -> str:
    return f"{kind}#{generation:06d}#"


def opener_key(issue_url: str) -> Key:
    return Key(f"issue#{issue_url}", "opener")


def number_partition(number: int) -> str:
    return f"number#{number}"


def numbered_prefix(repository: str) -> str:
    return f"{repository.lower()}#"


def event_key(event_id: str) -> Key:
    return Key(f"event#{event_id}", "event")


def day_partition(day: str) -> str:
    return f"day#{day}"


def day_total_key(day: str) -> Key:
    return Key(day_partition(day), "total")


def day_repository_key(day: str, repository: str) -> Key:
    return Key(day_partition(day), f"{DAY_REPOSITORY}{repository}")


def day_api_key_key(day: str, name: str) -> Key:
    return Key(day_partition(day), f"key#{name}")


def time_key(seconds: float, tie: str) -> str:
    """Return a string that sorts by time, with ``tie`` as the tie-breaker."""
    return f"{place_at(seconds)}#{tie}"


@dataclass(frozen=True)
class StoredJob:
    job_id: str
    digest: str
    """``Submission.digest`` of the body that stands: the first, or the one after a rejected one."""
    newest: int
    """The newest generation."""
    standing: int = 0
    """The newest generation with the body that stands."""

    @property
    def newest_run(self) -> RunKey:
        return RunKey(self.job_id, self.newest)

    @classmethod
    def read(cls, item: Item) -> "StoredJob":
        return cls(**item.data)

    def item(self, expires: int | None = None) -> Item:
        return Item(job_key(self.job_id), asdict(self), JOBS, self.job_id, expires)


@dataclass(frozen=True)
class StoredRun:
    """A run, with the fields that are internal to the store."""

    row: RunRow
    replay_id: str | None
    """The replay or redrive that started it, if any."""
    lease_token: str | None = None
    """None if no delivery has leased it, or the last one released it."""
    lease_expires_at: float = 0.0
    parts: int = 0
    """The number of its parts, which are numbered in the order of writing."""
    expires: int | None = None
    """See ``Item.expires``."""

    @property
    def finished(self) -> bool:
        return self.row.state == "finished"

    def is_held_by(self, lease: Lease, now: float) -> bool:
        if self.row.state != "running" or self.lease_token != lease.token:
            return False
        return self.lease_expires_at > now

    def with_row(self, **changes: Any) -> "StoredRun":
        return replace(self, row=replace(self.row, **changes))

    def progressed(self, **changes: Any) -> "StoredRun":
        """Return the run after progress, which ends its waits."""
        return self.with_row(waits=0, waiting_since=None, **changes)

    @classmethod
    def read(cls, item: Item) -> "StoredRun":
        data = item.data
        row = read_row(RunRow, data)
        if "micro_usd" not in data:
            row = replace(row, micro_usd=_cost_of_result(row))
        return cls(
            row=row,
            replay_id=data["replay_id"],
            lease_token=data["lease_token"],
            lease_expires_at=data["lease_expires_at"],
            parts=data["parts"],
            expires=item.expires,
        )

    def item(self) -> Item:
        row = self.row
        data = {
            **vars(row),
            "status": row.outcome or row.state,
            "replay_id": self.replay_id,
            "lease_token": self.lease_token,
            "lease_expires_at": self.lease_expires_at,
            "parts": self.parts,
        }
        return Item(run_item_key(row.key), data, RUNS, row.place, self.expires)


def _cost_of_result(row: RunRow) -> int:
    """Return what a run cost that an older version ended, from its result; 0 before its end."""
    if row.result is None:
        return 0
    return to_micro_usd(json.loads(row.result)["cost_usd"])


def open_item(row: RunRow, expires: int | None) -> Item:
    data = {"created_at": row.created_at}
    return Item(open_key(row.key), data, OPEN, row.place, expires)


def replay_item(key: RunKey, replay_id: str, expires: int | None) -> Item:
    data = {"generation": key.generation}
    return Item(replay_key(key.job_id, replay_id), data, expires=expires)


def numbered_run_item(row: RunRow, number: int, expires: int | None) -> Item:
    """Return the item that names a run under the number of its issue or pull request."""
    data = {
        "job_id": row.job_id,
        "generation": row.generation,
        "issue_url": row.issue_url,
        "created_at": row.created_at,
    }
    sort = numbered_prefix(row.repository) + row.place
    return Item(Key(number_partition(number), sort), data, expires=expires)


def opener_item(row: RunRow, expires: int | None) -> Item:
    data = {"job_id": row.job_id}
    return Item(opener_key(row.issue_url), data, expires=expires)


def replaced_body_item(rejected: RunKey, digest: str, expires: int | None) -> Item:
    data = {"generation": rejected.generation}
    return Item(replaced_body_key(rejected.job_id, digest), data, expires=expires)


@dataclass(frozen=True)
class Part:
    """A part of a run that is to be written."""

    kind: str
    data: Mapping[str, Any]

    def item(self, run: StoredRun, expires: int | None) -> Item:
        """Return the item of the run's newest part."""
        row = run.row
        sort = f"{part_prefix(self.kind, row.generation)}{run.parts:08d}"
        data = {"job_id": row.job_id, "generation": row.generation, **self.data}
        return Item(Key(job_partition(row.job_id), sort), data, expires=expires)


@dataclass(frozen=True)
class StoredCall:
    """A call with its item and the day whose budgets it counts against."""

    item: Item
    call: Call
    day: str
    owner: str | None
    """The API key that it counts against; None if the job was sent to the queue."""

    @classmethod
    def read(cls, item: Item) -> "StoredCall":
        data = item.data
        return cls(item, read_row(Call, data), data["day"], data.get("owner"))

    def is_attempt(self, call: Call) -> bool:
        """Return whether ``call`` is the same attempt, perhaps in another state."""
        return (self.call.key, self.call.attempt) == (call.key, call.attempt)

    def ended(self, state: str, micro_usd: int, at: float | None) -> Item:
        """Return the item of the call after its end; ``at`` is None if it was never answered."""
        data = {**self.item.data, "state": state, "micro_usd": micro_usd, "ended_at": at}
        return replace(self.item, data=data)


def pending_event_item(run: StoredRun, event: Event, topic_arn: str, now: float) -> Item:
    data = _event_data(run, event, topic_arn, now, published_at=None)
    listed_at = time_key(now, f"{run.row.key}#{run.parts:08d}")
    return Item(event_key(event.id), data, PENDING, listed_at)


def refused_event_item(item: Item, listing: str, due_at: float, error: str) -> Item:
    """Return the item of an event that was refused once more."""
    data = {
        **item.data,
        "tries": item.data.get("tries", 0) + 1,
        "due_at": due_at,
        "last_error": error,
    }
    listed_at = time_key(due_at, item.data["event_id"])
    return Item(item.key, data, listing, listed_at)


def released_event_item(item: Item, now: float) -> Item:
    """Return the item of a parked event that is to be published as if it were new."""
    listed_at = time_key(now, item.data["event_id"])
    return Item(item.key, {**item.data, "tries": 0}, PENDING, listed_at)


def published_event_item(run: StoredRun, event: Event, now: float, expires: int | None) -> Item:
    """Return the item of an event that has no topic to be published to."""
    data = _event_data(run, event, None, now, published_at=now)
    return Item(event_key(event.id), data, expires=expires)


def _event_data(
    run: StoredRun, event: Event, topic_arn: str | None, now: float, published_at: float | None
) -> dict[str, Any]:
    return {
        "event_id": event.id,
        "job_id": run.row.job_id,
        "generation": run.row.generation,
        "type": event.type.value,
        "topic_arn": topic_arn,
        "body": event.model_dump_json(),
        "attributes": event.attributes,
        "created_at": now,
        "published_at": published_at,
    }


def read_row(kind: type[Row], data: Mapping[str, Any]) -> Row:
    """Return a row of the contract from an item's data, ignoring other fields.

    A field that the item's writer did not know yet has its default.
    """
    names = [field.name for field in fields(kind) if field.name in data]
    return kind(**{name: data[name] for name in names})
