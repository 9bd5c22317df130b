"""Every implementation of the RunStore joins the contract's suite here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.store.base import RunStore
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import Clock

OPENERS: dict[str, Callable[[Path, Clock], RunStore]] = {
    "sqlite": lambda folder, clock: SqliteStore(folder / "store.sqlite", clock=clock),
}


@pytest.fixture(params=sorted(OPENERS))
def opener(request: pytest.FixtureRequest) -> Callable[[Path, Clock], RunStore]:
    """Opens a store; the same folder is the same store."""
    return OPENERS[request.param]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(opener: Callable[[Path, Clock], RunStore], tmp_path: Path, clock: Clock) -> Iterator[RunStore]:
    opened = opener(tmp_path, clock)
    yield opened
    opened.close()
