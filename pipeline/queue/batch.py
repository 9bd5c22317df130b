"""Batch calls to SQS, gathered from concurrent runs."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio

from pipeline.backoff import Backoff

#: Maximum entries of one batch call
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html).
BATCH = 10
#: How often an entry is tried when SQS fails or throttles it.
TRIES = 4

#: An entry of a batch call, and SQS's response to it, in boto3's form.
Entry = dict[str, Any]
Failure = dict[str, Any]


class EntriesFailed(Exception):
    """A batch call succeeded, but some entries failed. ``codes``: message id -> SQS's code."""

    def __init__(self, operation: str, codes: dict[str, str]):
        failures = [f"{message_id} ({code})" for message_id, code in codes.items()]
        super().__init__(f"{operation} failed for {', '.join(failures)}")
        self.operation = operation
        self.codes = codes


@dataclass(frozen=True)
class _Waiting:
    """An entry that waits to be sent."""

    entry: Entry
    failure: "asyncio.Future[Failure | None]"
    """Why the entry failed; None if it succeeded."""

    def set_failure(self, failure: Failure | None) -> None:
        if not self.failure.done():  # its run may have been cancelled in the meantime
            self.failure.set_result(failure)

    def set_error(self, error: Exception) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)


class Batch:
    """Gathers entries while a call is in progress, so that batches form under load.

    ``call`` takes the entries and returns SQS's response. ``gather`` is how many seconds an entry
    waits for others to fill its batch.
    """

    def __init__(
        self,
        operation: str,
        call: Callable[[list[Entry]], Awaitable[dict[str, Any]]],
        *,
        gather: float = 0.0,
    ):
        self._operation = operation
        self._call = call
        self._gather = gather
        self._waiting: list[_Waiting] = []
        self._full = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def add(self, message_id: str, entry: Entry) -> None:
        """Send one entry, and wait until SQS has accepted it.

        Raises:
            EntriesFailed: SQS refused it permanently or too often.
        """
        retry = Backoff(base=0.5, cap=5.0)
        while True:
            failure = await self._send(entry)
            if failure is None:
                return
            delay = retry.fail()
            if _is_final(failure) or retry.failures == TRIES:
                raise EntriesFailed(self._operation, {message_id: failure["Code"]})
            await asyncio.sleep(delay)

    async def _send(self, entry: Entry) -> Failure | None:
        waiting = _Waiting(entry, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if len(self._waiting) >= BATCH:
            self._full.set()
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())
        return await waiting.failure

    async def _send_all(self) -> None:
        """Send batches until no entry is waiting."""
        while self._waiting:
            if self._gather and len(self._waiting) < BATCH:
                self._full.clear()
                with anyio.move_on_after(self._gather):
                    await self._full.wait()
            batch = self._waiting[:BATCH]
            self._waiting = self._waiting[BATCH:]
            await self._send_batch(batch)

    async def _send_batch(self, batch: list[_Waiting]) -> None:
        entries = []
        for number, waiting in enumerate(batch):
            entries.append({"Id": str(number), **waiting.entry})
        try:
            response = await self._call(entries)
        except Exception as error:
            for waiting in batch:
                waiting.set_error(error)
            return
        failures = {failure["Id"]: failure for failure in response.get("Failed", [])}
        for number, waiting in enumerate(batch):
            waiting.set_failure(failures.get(str(number)))


def _is_final(failure: Failure) -> bool:
    """Return whether a retry of the entry would be pointless."""
    is_throttled = "Throttl" in failure["Code"]
    return failure.get("SenderFault", True) and not is_throttled
