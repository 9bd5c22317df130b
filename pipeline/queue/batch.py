"""Calls of concurrent runs, sent to SQS together."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from pipeline.errors import backoff

#: Entries of one batch call
#: (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html).
BATCH = 10
#: How often an entry is sent that SQS refuses by its own fault, throttling included.
TRIES = 4


class EntriesFailed(Exception):
    """A batch call succeeded with failed entries inside. ``codes``: message id -> SQS's code."""

    def __init__(self, operation: str, codes: dict[str, str]):
        super().__init__(
            f"{operation} failed for {', '.join(f'{key} ({code})' for key, code in codes.items())}"
        )
        self.operation = operation
        self.codes = codes


class Batch:
    """While one call is under way the next entries gather: batches form under load.

    ``call`` takes the entries and gives SQS's answer; ``gather`` is for how many seconds an entry waits until others
    fill its batch; ``pause`` sleeps for some seconds.
    """

    def __init__(
        self,
        operation: str,
        call: Callable[[list[dict[str, Any]]], Awaitable[dict[str, Any]]],
        *,
        gather: float = 0.0,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ):
        self._operation = operation
        self._call = call
        self._gather = gather
        self._pause = pause
        self._waiting: list[tuple[dict[str, Any], asyncio.Future[dict[str, Any] | None]]] = []
        self._full = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

    async def add(self, message_id: str, entry: dict[str, Any]) -> None:
        """Have one entry done.

        Raises:
            EntriesFailed: SQS refused it, for good or too often.
        """
        tried = 0
        while (failed := await self._once(entry)) is not None:
            tried += 1
            ours = failed.get("SenderFault", True) and "Throttl" not in failed["Code"]
            if ours or tried == TRIES:
                raise EntriesFailed(self._operation, {message_id: failed["Code"]})
            await self._pause(backoff(tried, base=0.5, cap=5.0))

    async def _once(self, entry: dict[str, Any]) -> dict[str, Any] | None:
        done: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, done))
        if len(self._waiting) >= BATCH:
            self._full.set()
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        return await done

    async def _send(self) -> None:
        while self._waiting:
            if self._gather and len(self._waiting) < BATCH:
                self._full.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._gather):
                        await self._full.wait()
            some = self._waiting[:BATCH]
            self._waiting = self._waiting[BATCH:]
            try:
                answer = await self._call(
                    [{"Id": str(n)} | entry for n, (entry, _) in enumerate(some)]
                )
            except Exception as error:
                for _, done in some:
                    if not done.done():
                        done.set_exception(error)
                continue
            failed = {int(entry["Id"]): entry for entry in answer.get("Failed", [])}
            for n, (_, done) in enumerate(some):
                if not done.done():  # its run may have been cancelled meanwhile
                    done.set_result(failed.get(n))
