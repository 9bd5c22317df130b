"""The page of a run, made at its end. If that fails or is slow, the run ends all the same."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

from pipeline.leased_run import LeasedRun, fingerprint
from pipeline.outcome import PAGE, RunResult
from pipeline.store.contract import RunRow

log = logging.getLogger(__name__)

#: Returns the page of a run as HTML. It is called in a thread.
MakePage = Callable[[RunRow], bytes]
#: Seconds after which a run ends without its page.
MAX_SECONDS = 20.0


async def add_page(
    run: LeasedRun, row: RunRow, result: RunResult, now: float, make_page: MakePage
) -> RunResult:
    """Return the result with the page among its artifacts; without it if it could not be made.

    Args:
        run: the run, whose end is not stored yet.
        row: the run as it is stored.
        result: how it ends.
        now: when it ends, in seconds since the epoch.
        make_page: makes the page.
    """
    ended = replace(
        row,
        state="finished",
        outcome=result.outcome.value,
        reason=result.reason,
        seconds=result.seconds,
        result=result.model_dump_json(),
        finished_at=now,
    )
    try:
        async with asyncio.timeout(MAX_SECONDS):
            page = await asyncio.to_thread(make_page, ended)
            key = f"{run.key.prefix}/{PAGE}-{fingerprint(page)}.html"
            await run.put_artifact(key, page)
        address = run.artifact_address(key)
    except Exception:
        log.exception("the run ends without its page")
        return result
    return result.model_copy(update={"artifacts": {**result.artifacts, PAGE: address}})
