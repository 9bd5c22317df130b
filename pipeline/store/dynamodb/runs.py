"""A run's item and its parts: read whole, written on the condition that nobody wrote to the run in
between.
"""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from pipeline.errors import LeaseLost
from pipeline.store.contract import Lease, RunRow
from pipeline.store.dynamodb import layout
from pipeline.store.dynamodb.layout import Item, job_pk, key_of, part_sk, run_sk
from pipeline.store.dynamodb.table import Overtaken, Table, attempts

Given = ParamSpec("Given")
Told = TypeVar("Told")

_OURS = "#state = :running AND #lease_token = :token AND #lease_expires_at > :now"


def again(method: Callable[Given, Told]) -> Callable[Given, Told]:
    """Do the whole method again, reads first, where its write was overtaken. Raises Retry after
    many times.
    """

    @functools.wraps(method)
    def until_written(*args: Given.args, **kwargs: Given.kwargs) -> Told:
        for _ in attempts():
            try:
                return method(*args, **kwargs)
            except Overtaken:
                continue
        raise AssertionError("attempts() ends by raising")

    return until_written


class Runs:
    """``keep`` is for how many seconds what is written stays."""

    def __init__(self, table: Table, clock: Callable[[], float], keep: int):
        self.table = table
        self.clock = clock
        self._keep = keep

    @property
    def expires(self) -> int:
        return int(self.clock()) + self._keep

    def get(self, job_id: str, generation: int) -> Item | None:
        return self.table.get(job_pk(job_id), run_sk(generation))

    def newest(self, job_id: str) -> Item | None:
        job = self.table.get(job_pk(job_id), "job")
        return self.get(job_id, job["newest"]) if job else None

    def held(self, lease: Lease) -> Item:
        """The run, where the lease is its live one."""
        run = self.get(lease.job_id, lease.generation)
        ours = run is not None and run["state"] == "running" and run["lease_token"] == lease.token
        if run is None or not ours or run["lease_expires_at"] <= self.clock():
            raise lost(lease)
        return run

    def write_held(
        self, lease: Lease, run: Item, changes: Item, more: list[dict[str, Any]]
    ) -> None:
        self.write(
            run, changes, more, guard=_OURS, running="running", token=lease.token, now=self.clock()
        )

    def write(
        self,
        run: Item,
        changes: Item,
        more: list[dict[str, Any]],
        *,
        guard: str = "",
        **values: Any,
    ) -> Item:
        """Change the run, and write ``more``, unless somebody has written to the run since it was
        read.
        """
        condition = f"#version = :version AND ({guard})" if guard else "#version = :version"
        changes = changes | {"version": run["version"] + 1}
        own = layout.update(
            self.table.name, key_of(run), changes, condition, version=run["version"], **values
        )
        self.table.transact([own, *more])
        return run | changes

    def put(self, item: Item) -> dict[str, Any]:
        """Without a condition: what belongs to a run is written only together with the run."""
        return layout.put(self.table.name, item)

    def part(self, run: Item, kind: str, attributes: Item) -> dict[str, Any]:
        place = {"pk": run["pk"], "sk": part_sk(kind, run["generation"], run["version"])}
        return self.put(
            attributes | place | {"generation": run["generation"], "expires": self.expires}
        )

    def moment(self, run: Item, what: str, detail: str = "") -> dict[str, Any]:
        return self.part(run, "history", {"at": self.clock(), "what": what, "detail": detail})

    def parts(self, job_id: str, kind: str, generation: int) -> list[Item]:
        return self.table.items(job_pk(job_id), part_sk(kind, generation))


def lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"the lease on {lease.key} has ended or is another delivery's")


def run_row(item: Item) -> RunRow:
    told: dict[str, Any] = {name: item.get(name) for name in RunRow.__dataclass_fields__}
    return RunRow(**told)
