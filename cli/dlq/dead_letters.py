"""The dead-letter queue for an operator: look at letters without taking them, and move chosen ones
elsewhere.

By receive, send and delete of our own: SQS's StartMessageMoveTask takes no filter and changes no
message."""

import asyncio
import base64
import contextlib
import json
import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.errors import describe
from pipeline.job import FixIssueJob, InvalidJob, Limits, NewerSchema, UnreadableMessage, parse_job
from pipeline.queue import BATCH, REASON, Delivery, SqsQueue
from pipeline.run_key import redrive_replay_id

log = logging.getLogger(__name__)

#: Seconds for which a letter is hidden while others are looked for; one that is killed leaves them
#: so for as long.
HOLD_SECONDS = 900
#: Seconds. A long poll asks all of SQS's servers; a short one may miss letters.
POLL_SECONDS = 1
MOVED_BY_SQS = "none given: SQS moved it after too many receives, and its run has not ended"


class Kind(StrEnum):
    FAILED = "failed"
    """Its run ended as ``failed``: it can be replayed."""
    UNFINISHED = "unfinished"
    """SQS itself moved it, since its workers died: put back unchanged, its run goes on."""
    NEWER = "newer"
    """Written for a newer worker."""
    INVALID = "invalid"
    """Names an issue, and is no valid job."""
    UNREADABLE = "unreadable"
    """No job at all."""


@dataclass(frozen=True)
class Letter:
    """One message of the dead-letter queue, and what it says."""

    delivery: Delivery
    kind: Kind
    reason: str
    """On one line."""
    job: FixIssueJob | None = None
    job_id: str | None = None
    repository: str | None = None
    issue_url: str | None = None

    @classmethod
    def of(cls, delivery: Delivery) -> "Letter":
        given = " ".join((delivery.text(REASON) or "").split())
        try:
            job = parse_job(delivery.body)
        except InvalidJob as error:
            issue = error.issue
            return cls(
                delivery,
                Kind.INVALID,
                given or str(error),
                None,
                error.job_id,
                issue.repository,
                issue.url,
            )
        except (NewerSchema, UnreadableMessage) as error:
            kind = Kind.NEWER if isinstance(error, NewerSchema) else Kind.UNREADABLE
            return cls(delivery, kind, given or " ".join(str(error).split()))
        kind = Kind.UNFINISHED if delivery.failed_generation is None else Kind.FAILED
        return cls(
            delivery, kind, given or MOVED_BY_SQS, job, job.id, job.issue.repository, job.issue.url
        )

    @property
    def message_id(self) -> str:
        return self.delivery.message_id

    @property
    def pattern(self) -> str:
        """The reason's start with figures and identifiers left open, so that letters of one cause
        share it.
        """
        return re.sub(r"\b(?=[\w-]*\d)[\w-]+\b", "*", self.reason[:300])


@dataclass(frozen=True)
class Wanted:
    """Which letters are meant. ``reason`` is looked for anywhere in the reason, ``*`` is any text; ``since`` is in
    seconds since the epoch; ``ids`` are message ids or job ids."""

    reason: str | None = None
    repository: str | None = None
    since: float | None = None
    ids: tuple[str, ...] = ()

    def __call__(self, letter: Letter) -> bool:
        return (
            _holds(letter.reason.casefold(), (self.reason or "").casefold())
            and (self.repository is None or letter.repository == self.repository.lower())
            and (self.since is None or letter.delivery.sent_at >= self.since)
            and (not self.ids or letter.message_id in self.ids or letter.job_id in self.ids)
        )


def _holds(text: str, pattern: str) -> bool:
    """No regular expression: a reason quotes strangers, and several ``.*`` would take for ever on a
    long one.
    """
    at = 0
    for part in pattern.split("*"):
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return True


@dataclass(frozen=True)
class Looked:
    letters: list[Letter]
    """Oldest first."""
    unseen: int
    """How many more there are by SQS's approximate counts: held by somebody else, or delayed."""


class DeadLetters:
    """``queue`` is the dead-letter queue itself, opened with HOLD_SECONDS. Setting ``stop`` ends each method early,
    with no letter half moved and none held."""

    def __init__(self, queue: SqsQueue, stop: asyncio.Event):
        self._queue = queue
        self._stop = stop

    async def look(self, progress: Callable[[int], object] = lambda _: None) -> Looked:
        """Every letter once. All are held until the last is seen, and visible again afterwards."""
        held: dict[str, Delivery] = {}
        try:
            async for _ in self._pages(held):
                progress(len(held))
            depth = await self._queue.depth()
        finally:
            await self._release(held.values())
        letters = sorted(map(Letter.of, held.values()), key=lambda letter: letter.delivery.sent_at)
        return Looked(letters, max(depth.visible + depth.in_flight + depth.delayed - len(held), 0))

    async def move(
        self,
        letters: Collection[Letter],
        keep: Callable[[Letter], Awaitable[None]],
        *,
        per_second: float | None = None,
    ) -> int:
        """Receive each of ``letters`` again, ``keep`` it elsewhere, and only then delete it here.

        Gives how many were moved; fewer where ``stop`` was set, or where some were no longer there. Whatever ``keep``
        or SQS raises ends it: the letter it was at stays, perhaps kept already.
        """
        wanted = {letter.message_id for letter in letters}
        held = dict[str, Delivery]()
        moved = set[str]()
        try:
            async for page in self._pages(held):
                for delivery in page:
                    if delivery.message_id not in wanted:
                        continue
                    if delivery.message_id not in moved:
                        if moved and per_second:
                            await self._pause(1 / per_second)
                        if self._stop.is_set():
                            return len(moved)
                        await keep(Letter.of(delivery))
                    await self._queue.delete(
                        delivery
                    )  # delivered again although deleted: deleted again
                    held.pop(delivery.message_id, None)
                    moved.add(delivery.message_id)
                if moved == wanted:
                    break
        finally:
            await self._release(held.values())
        return len(moved)

    async def _pages(self, held: dict[str, Delivery]) -> AsyncIterator[list[Delivery]]:
        """Receive into ``held``, under its newest handle, until there is nothing more."""
        quiet = 0
        while not self._stop.is_set():
            page = await self._queue.receive(BATCH, POLL_SECONDS)
            quiet = 0 if any(delivery.message_id not in held for delivery in page) else quiet + 1
            held.update({delivery.message_id: delivery for delivery in page})
            # Where the holding time ran out, what was held comes around again; once is enough.
            if not page or quiet > len(held) // BATCH + 1:
                return
            yield page

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    async def _release(self, held: Collection[Delivery]) -> None:
        try:
            await self._queue.release(*held)
        except Exception as error:  # what ended the work is the more important news
            log.warning(
                "some letters stay hidden for up to %d minutes: %s",
                HOLD_SECONDS // 60,
                describe(error),
            )


@dataclass(frozen=True)
class Overrides:
    """What a replay changes. None: as the job was."""

    from_stage: str | None = None
    model: str | None = None
    template_set: str | None = None
    max_cost_usd: float | None = None
    max_minutes: float | None = None
    max_rounds: int | None = None

    @property
    def told(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}


def again(job: FixIssueJob, generation: int, overrides: Overrides) -> FixIssueJob:
    """The same job, to be run once more after ``generation``.

    The replay id is the one that the store gives to a plain redrive of that generation's message: however often and
    in whichever way it is sent, one run comes of it.

    Raises:
        pydantic.ValidationError: an override is out of its bounds.
    """
    body = job.model_dump(exclude_defaults=True)
    replay = overrides.told
    limits = {name: replay.pop(name) for name in Limits.model_fields if name in replay}
    body["limits"] = body.get("limits", {}) | limits
    body["replay"] = body.get("replay", {}) | replay | {"id": redrive_replay_id(generation)}
    return FixIssueJob.model_validate(body)


class Exported(BaseModel):
    """One line of an export: enough to put the letter back. Binary attributes are in base64."""

    model_config = ConfigDict(extra="forbid")

    message_id: str
    sent_at: float
    body: str
    attributes: dict[str, dict[str, str]]

    @classmethod
    def of(cls, delivery: Delivery) -> "Exported":
        attributes = {name: _jsonable(value) for name, value in delivery.attributes.items()}
        return cls(
            message_id=delivery.message_id,
            sent_at=delivery.sent_at,
            body=delivery.body,
            attributes=attributes,
        )

    @property
    def sendable(self) -> dict[str, dict[str, Any]]:
        """The attributes in boto3's form."""
        return {
            name: {
                key: base64.b64decode(text) if key == "BinaryValue" else text
                for key, text in value.items()
            }
            for name, value in self.attributes.items()
        }

    @property
    def content(self) -> str:
        """Equal for letters that only differ in when they were sent."""
        return json.dumps([self.body, self.attributes], sort_keys=True)


def missing(exported: Iterable[Exported], letters: Iterable[Letter]) -> list[Exported]:
    """What of an export is not in the queue: a letter counts as there once for each with the same
    content.
    """
    there = Counter(Exported.of(letter.delivery).content for letter in letters)
    absent = []
    for line in exported:
        if there[line.content] > 0:
            there[line.content] -= 1
        else:
            absent.append(line)
    return absent


def _jsonable(value: Mapping[str, Any]) -> dict[str, str]:
    """SQS's list values, which it never fills, are left out."""
    names = ("DataType", "StringValue", "BinaryValue")
    held = {name: value[name] for name in names if value.get(name) is not None}
    return {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in held.items()}
