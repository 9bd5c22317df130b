"""Model calls and the three budgets they use: per run, per repository and day, and per day."""

from pipeline.store import rows
from pipeline.store.contract import BudgetExceeded, Call, CallRequest, MoneyCaps
from pipeline.store.rows import Part, StoredCall, StoredRun
from pipeline.store.table import Key
from pipeline.store.transaction import RunTransaction

#: The states of a call whose full reservation still counts.
UNSETTLED = ("reserved", "cut")


def reserve(tx: RunTransaction, run: StoredRun, request: CallRequest, caps: MoneyCaps) -> Call:
    """Reserve money for the next attempt at a call, and mark one that is still reserved as cut.

    Raises:
        BudgetExceeded: the transaction must not be committed.
    """
    calls = tx.calls(run.row.key)
    _check_caps(tx, run, calls, request, caps)
    attempts = [stored for stored in calls if stored.call.key == request.key]
    cut_reserved(tx, attempts)
    attempt = len(attempts) + 1
    call = Call(
        key=request.key,
        attempt=attempt,
        state="reserved",
        micro_usd=request.micro_usd,
        reply_key=request.reply_key.replace("{attempt}", str(attempt)),
        model=request.model,
        created_at=tx.now,
    )
    day = request.day
    repository = run.row.repository
    data = {**vars(call), "day": day, "repository": repository}
    tx.write(run, Part(rows.CALL, data))
    # The counters enforce their limits again: other workers' runs add to them concurrently.
    total = rows.day_total_key(day)
    _spend(tx, total, call.micro_usd, limit=caps.day)
    of_repository = rows.day_repository_key(day, repository)
    _spend(tx, of_repository, call.micro_usd, limit=caps.repository_day)
    return call


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
    of_run = sum(stored.call.micro_usd for stored in calls)
    of_repository = tx.items.counter(repository_key)
    of_day = tx.items.counter(total_key)
    scopes = (
        ("run", caps.run, of_run),
        ("repository_day", caps.repository_day, of_repository),
        ("day", caps.day, of_day),
    )
    for scope, cap, used in scopes:
        if used + request.micro_usd > cap:
            raise BudgetExceeded(scope, request.micro_usd, cap - used)


def end_call(tx: RunTransaction, run: StoredRun, call: Call, state: str, micro_usd: int) -> None:
    """Replace a call's reservation with its actual cost. A call that has ended is not changed."""
    for stored in tx.calls(run.row.key):
        if not stored.is_attempt(call) or stored.call.state not in UNSETTLED:
            continue
        tx.items.put(stored.changed(state, micro_usd))
        tx.write(run)
        difference = micro_usd - stored.call.micro_usd
        total = rows.day_total_key(stored.day)
        _spend(tx, total, difference)
        of_repository = rows.day_repository_key(stored.day, run.row.repository)
        _spend(tx, of_repository, difference)


def cut_reserved(tx: RunTransaction, calls: list[StoredCall]) -> None:
    """Mark the calls whose reply was never stored as cut. Their reservations still count."""
    for stored in calls:
        call = stored.call
        if call.state == "reserved":
            tx.items.put(stored.changed("cut", call.micro_usd))


def _spend(tx: RunTransaction, counter: Key, micro_usd: int, limit: int | None = None) -> None:
    tx.items.add(counter, micro_usd, limit=limit, expires=tx.expires)
