"""Calls of a model and the three budgets they use: the run's, the repository's day, the day."""

from pipeline.store import rows
from pipeline.store.contract import BudgetExceeded, Call, CallRequest, MoneyCaps
from pipeline.store.rows import Part, StoredCall, StoredRun
from pipeline.store.table import Key
from pipeline.store.transaction import RunTransaction


def reserve(tx: RunTransaction, run: StoredRun, request: CallRequest, caps: MoneyCaps) -> Call:
    """Reserve money for the next attempt at a call; one still reserved there becomes cut.

    Raises:
        BudgetExceeded: nothing may be written.
    """
    calls = tx.calls(run.row.key)
    check_caps(tx, run, calls, request, caps)
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
    repository = run.row.repository
    data = {**vars(call), "day": request.day, "repository": repository}
    tx.write(run, Part(rows.CALL, data))
    # The counters hold their limits themselves: runs of other workers add to them, too.
    amount = request.micro_usd
    _spend(tx, rows.day_total_key(request.day), amount, limit=caps.day)
    of_repository = rows.day_repository_key(request.day, repository)
    _spend(tx, of_repository, amount, limit=caps.repository_day)
    return call


def check_caps(
    tx: RunTransaction,
    run: StoredRun,
    calls: list[StoredCall],
    request: CallRequest,
    caps: MoneyCaps,
) -> None:
    """Raises BudgetExceeded where the request does not fit into each of the budgets."""
    of_run = sum(stored.call.micro_usd for stored in calls)
    of_repository = tx.items.counter(rows.day_repository_key(request.day, run.row.repository))
    of_day = tx.items.counter(rows.day_total_key(request.day))
    scopes = (
        ("run", caps.run, of_run),
        ("repository_day", caps.repository_day, of_repository),
        ("day", caps.day, of_day),
    )
    for scope, cap, used in scopes:
        if used + request.micro_usd > cap:
            raise BudgetExceeded(scope, request.micro_usd, cap - used)


def end_call(tx: RunTransaction, run: StoredRun, call: Call, state: str, micro_usd: int) -> None:
    """Replace a call's reservation by what it cost. A call that has ended stays as it is."""
    for stored in tx.calls(run.row.key):
        same = stored.call.key == call.key and stored.call.attempt == call.attempt
        if same and stored.call.state in ("reserved", "cut"):
            tx.items.put(stored.changed(state, micro_usd))
            tx.write(run)
            difference = micro_usd - stored.call.micro_usd
            _spend(tx, rows.day_total_key(stored.day), difference)
            of_repository = rows.day_repository_key(stored.day, run.row.repository)
            _spend(tx, of_repository, difference)


def cut_reserved(tx: RunTransaction, calls: list[StoredCall]) -> None:
    """Mark the calls whose reply was never stored as cut. Their reservations stand."""
    for stored in calls:
        if stored.call.state == "reserved":
            tx.items.put(stored.changed("cut", stored.call.micro_usd))


def _spend(tx: RunTransaction, counter: Key, micro_usd: int, limit: int | None = None) -> None:
    tx.items.add(counter, micro_usd, limit=limit, expires=tx.expires)
