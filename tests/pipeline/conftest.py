import io
from collections.abc import Iterator

import pytest

from tests.stand_ins.process_log import own_log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream for the log, which a test may configure: it is restored afterwards."""
    with own_log():
        yield io.StringIO()
