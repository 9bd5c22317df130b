"""Model calls and the budgets they use: per run, per repository and day, per API key and day, and
per day.
"""

from dataclasses import dataclass

from pipeline.store import rows
from pipeline.store.contract import UNSETTLED, BudgetExceeded, Call, CallRequest, MoneyCaps
from pipeline.store.rows import Part, StoredCall, StoredRun
from pipeline.store.transaction import RunTransaction


def reserve(tx: RunTransaction, run: StoredRun, request: CallRequest, caps: MoneyCaps) -> Call:
    """Reserve money for the next attempt at a call, and mark one that is still reserved as cut.

    Raises:
        BudgetExceeded: the transaction must not be committed.
    """
    calls = tx.calls(run.row.key)
    _check_caps(tx, run, calls, request, caps)
    attempts = [stored for stored in calls if stored.call.key == request.key]
    cut_reserved(tx, attempts)
    call = _new_call(request, attempt=len(attempts) + 1, now=tx.now)
    shares = _Shares(request.day, run.row.repository, run.row.owner)
    run = run.with_row(micro_usd=_cost(calls) + call.micro_usd)
    tx.write(run, Part(rows.CALL, {**vars(call), **vars(shares)}))
    # The counters enforce their limits again: other workers' runs add to them concurrently.
    _spend(tx, shares, call.micro_usd, caps)
    return call


@dataclass(frozen=True)
class _Shares:
    """What a call counts against, besides its run."""

    day: str
    repository: str
    owner: str | None


def _new_call(request: CallRequest, *, attempt: int, now: float) -> Call:
    return Call(
        key=request.key,
        attempt=attempt,
        state="reserved",
        micro_usd=request.micro_usd,
        reply_key=request.reply_key.replace("{attempt}", str(attempt)),
        model=request.model,
        created_at=now,
    )


def _check_caps(
    tx: RunTransaction,
    run: StoredRun,
    calls: list[StoredCall],
    request: CallRequest,
    caps: MoneyCaps,
) -> None:
    """Raise BudgetExceeded if the request does not fit into every budget."""
    repository_key = rows.day_repository_key(request.day, run.row.repository)
    total_key = rows.day_total_key(request.day)
    of_run = _cost(calls)
    of_repository = tx.items.counter(repository_key)
    of_day = tx.items.counter(total_key)
    scopes = (
        ("run", caps.run, of_run),
        ("repository_day", caps.repository_day, of_repository),
        ("day", caps.day, of_day),
        ("key_day", caps.key_day, _spent_by_key(tx, run, request)),
    )
    for scope, cap, used in scopes:
        if cap is not None and used + request.micro_usd > cap:
            raise BudgetExceeded(scope, request.micro_usd, cap - used)


def _cost(calls: list[StoredCall]) -> int:
    return sum(stored.call.micro_usd for stored in calls)


def _spent_by_key(tx: RunTransaction, run: StoredRun, request: CallRequest) -> int:
    if run.row.owner is None:
        return 0
    return tx.items.counter(rows.day_api_key_key(request.day, run.row.owner))


def end_call(tx: RunTransaction, run: StoredRun, call: Call, state: str, micro_usd: int) -> None:
    """Replace a call's reservation with its actual cost. A call that has ended is not changed."""
    calls = tx.calls(run.row.key)
    for stored in calls:
        if not stored.is_attempt(call) or stored.call.state not in UNSETTLED:
            continue
        difference = micro_usd - stored.call.micro_usd
        tx.items.put(stored.ended(state, micro_usd, tx.now))
        tx.write(run.with_row(micro_usd=_cost(calls) + difference))
        # A call that an older version reserved counts against no key.
        _spend(tx, _Shares(stored.day, run.row.repository, stored.owner), difference)


def cut_reserved(tx: RunTransaction, calls: list[StoredCall]) -> None:
    """Mark the calls whose reply was never stored as cut. Their reservations still count."""
    for stored in calls:
        call = stored.call
        if call.state == "reserved":
            tx.items.put(stored.ended("cut", call.micro_usd, None))


def _spend(
    tx: RunTransaction, shares: _Shares, micro_usd: int, caps: MoneyCaps | None = None
) -> None:
    """Add to the day's counters; with ``caps``, only within them."""
    limited = [
        (rows.day_total_key(shares.day), caps.day if caps else None),
        (
            rows.day_repository_key(shares.day, shares.repository),
            caps.repository_day if caps else None,
        ),
    ]
    if shares.owner is not None:
        key = rows.day_api_key_key(shares.day, shares.owner)
        limited.append((key, caps.key_day if caps else None))
    for counter, limit in limited:
        tx.items.add(counter, micro_usd, limit=limit, expires=tx.expires)
