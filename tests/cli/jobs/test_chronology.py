"""What ``coding-agent jobs show`` has in chronological order: ``--verbose`` and the ``timeline`` of
``--json``.
"""

from pipeline.outcome import Outcome
from pipeline.store.contract import Checkpoint, MoneyCaps
from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console
from tests.stand_ins.runs import LEASE, Clock, call_request, claim, finish, job


def test_what_happened_is_in_the_order_of_time(console: Console) -> None:
    clock = Clock()
    store = SqliteStore(console.data_dir / "store.sqlite", clock=clock)
    first = claim(store)
    clock.now += 1
    store.save_checkpoint(first.lease, Checkpoint(1, "fetch_issue", "{}", False, 1.5, clock.now))
    clock.now += LEASE
    second = claim(store)
    caps = MoneyCaps(10**6, 10**6, 10**6)
    clock.now += 1
    call = store.reserve(second.lease, call_request(9, key="1/x", day="2026-01-01"), caps)
    store.settle(second.lease, call, micro_usd=2_500)
    clock.now += 1
    store.intend(second.lease, "push", {"branch": "b"})
    clock.now += 1
    finish(store, second, Outcome.PR_OPENED)
    store.close()
    payload = console.json("jobs", "show", job().id, "--json")["timeline"]
    assert [(moment["what"], moment["detail"].partition(",")[0]) for moment in payload] == [
        ("registered", ""),
        ("delivered", ""),
        ("stage", "fetch_issue"),
        ("delivered", "the last delivery died"),
        ("model call", "1/x attempt 1: settled $0.002500 m"),
        ("effect", "push: intended"),
        ("finished", payload[-1]["detail"]),
    ]
    assert [moment["at"] for moment in payload] == sorted(moment["at"] for moment in payload)
    output = console.run("jobs", "show", job().id, "--verbose").stdout
    assert (
        output.index("stage ")
        < output.index("the last delivery died")
        < output.index("model call")
        < output.index("effect")
    )
    assert "  spent $0.002500 in " in output
    assert "deliveries: 2" in output
