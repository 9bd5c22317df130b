"""Several workers, one database, one clock: the store's guarantees hold for any order of calls."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipeline.errors import LeaseLost
from pipeline.outcome import Outcome
from pipeline.run_key import RunKey
from pipeline.store.contract import Busy, Checkpoint, Claimed, Finished, Submission
from tests.pipeline.store.conftest import OPENERS
from tests.stand_ins.runs import LEASE, Clock, finish, job

MAX_WORKERS = 3
WORKERS = st.integers(0, MAX_WORKERS - 1)
REPLAYS = st.sampled_from([None, "r1", "r2", "r3"])


class Workers(RuleBasedStateMachine):
    """``owner`` is the model: who holds the newest generation's lease, and until when."""

    kind: str

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        folder = Path(self.folder.name)
        self.store = OPENERS[self.kind](folder, self.clock)
        self.stores = [OPENERS[self.kind](folder, self.clock) for _ in range(MAX_WORKERS)]
        """As each worker has opened it, in a process of its own."""
        self.job_id = job().id
        self.held: dict[int, Claimed] = {}
        """Each worker's last claim, which may have been lost since."""
        self.owner: tuple[int, float] | None = None
        self.generations = 0
        self.finished: dict[int, tuple[str, str]] = {}
        self.ended: set[str] = set()
        """Lease tokens under which a run was finished."""
        self.replayed: dict[str | None, int] = {}
        self.stored: dict[int, list[str]] = {}
        self.count = 0

    def teardown(self) -> None:
        for store in [self.store, *self.stores]:
            store.close()
        self.folder.cleanup()

    def live(self, worker: int) -> bool:
        return self.owner is not None and self.owner[0] == worker and self.owner[1] > self.clock.now

    @property
    def running(self) -> bool:
        return self.generations > 0 and self.generations - 1 not in self.finished

    @rule(worker=WORKERS, replay=REPLAYS)
    def claims(self, worker: int, replay: str | None) -> None:
        requested = job(**({"replay": {"id": replay}} if replay else {}))
        answer = self.stores[worker].claim(Submission.of(requested), lease_seconds=LEASE)
        named = (
            self.replayed.get(replay)
            if replay
            else (self.generations - 1 if self.generations else None)
        )
        if named is None and self.running:
            assert isinstance(answer, Busy)
        elif named is not None and named in self.finished:
            assert isinstance(answer, Finished)
            assert (answer.run.generation, answer.run.outcome) == (named, self.finished[named][0])
        elif self.owner is not None and self.owner[1] > self.clock.now:
            assert answer == Busy(self.owner[1])
        else:
            assert isinstance(answer, Claimed)
            if named is None:
                named = self.generations
                self.generations = self.generations + 1
                if replay:
                    self.replayed[replay] = named
            assert answer.run.generation == named == self.generations - 1
            self.held[worker] = answer
            self.owner = (worker, self.clock.now + LEASE)

    @rule(seconds=st.sampled_from([1.0, LEASE / 2, LEASE]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.held)
    @rule(worker=WORKERS)
    def renews(self, worker: int) -> None:
        if worker not in self.held:
            return
        is_owner = self.owner is not None and self.owner[0] == worker
        if is_owner:
            self.stores[worker].renew(self.held[worker].lease, lease_seconds=LEASE)
            self.owner = (worker, self.clock.now + LEASE)
        elif self.held[worker].lease.token in self.ended:
            assert not self.stores[worker].renew(self.held[worker].lease, lease_seconds=LEASE)
        else:
            with pytest.raises(LeaseLost):
                self.stores[worker].renew(self.held[worker].lease, lease_seconds=LEASE)

    @precondition(lambda self: self.held)
    @rule(worker=WORKERS)
    def saves(self, worker: int) -> None:
        if worker not in self.held:
            return
        self.count += 1
        lease = self.held[worker].lease
        name = f"stage-{self.count}"
        point = Checkpoint(1, name, "{}", False, 1.0, self.clock.now)
        if self.live(worker):
            self.stores[worker].save_checkpoint(lease, point)
            self.stored.setdefault(lease.key.generation, []).append(name)
        else:
            with pytest.raises(LeaseLost):
                self.stores[worker].save_checkpoint(lease, point)

    @precondition(lambda self: self.held)
    @rule(worker=WORKERS, outcome=st.sampled_from(list(Outcome)))
    def finishes(self, worker: int, outcome: Outcome) -> None:
        if worker not in self.held:
            return
        claimed = self.held[worker]
        if self.live(worker):
            event = finish(self.stores[worker], claimed, outcome)
            self.finished[claimed.run.generation] = (outcome.value, event.id)
            self.ended.add(claimed.lease.token)
            self.owner = None
        else:
            with pytest.raises(LeaseLost):
                finish(self.stores[worker], claimed, outcome)

    @precondition(lambda self: self.held)
    @rule(worker=WORKERS)
    def releases(self, worker: int) -> None:
        if worker in self.held:
            self.stores[worker].release(self.held[worker].lease)
            if self.owner is not None and self.owner[0] == worker:
                self.owner = None

    @invariant()
    def stored_rows_match_the_model(self) -> None:
        rows: list[Any] = [self.store.run(self.job_id, n) for n in range(self.generations + 1)]
        assert rows[-1] is None
        assert None not in rows[:-1]
        for row in rows[:-1]:
            n = row.generation
            assert row.outcome == (self.finished[n][0] if n in self.finished else None)
            assert [
                c.stage for c in self.store.checkpoints(RunKey(self.job_id, n))
            ] == self.stored.get(n, [])
            assert row.seconds == (len(self.stored.get(n, [])) if n not in self.finished else 0.0)
        assert sum(row.state != "finished" for row in rows[:-1]) <= 1
        assert {row.event_id for row in self.store.pending_events(100)} == {
            e for _, e in self.finished.values()
        }


@pytest.mark.parametrize("kind", sorted(OPENERS))
def test_one_delivery_at_most_owns_a_run(kind: str):
    machine = type(f"{kind.title()}Workers", (Workers,), {"kind": kind})
    examples = 25 if kind == "sqlite" else 8  # moto takes a hundred times as long
    run_state_machine_as_test(
        machine, settings=settings(deadline=None, max_examples=examples, stateful_step_count=30)
    )
