from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.store.store import RunStore
from tests.pipeline.store.conftest import OPENERS
from tests.stand_ins.runs import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(OPENERS))
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[RunStore]:
    """A new store of each kind."""
    opened = OPENERS[request.param](tmp_path, clock)
    yield opened
    opened.close()
