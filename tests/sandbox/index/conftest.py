"""Fixture: a package index on this machine."""

import threading
from collections.abc import Iterator

import pytest

from tests.sandbox.index.index_server import IndexServer


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        options = {"poll_interval": 0.01}
        threading.Thread(target=server.serve_forever, daemon=True, kwargs=options).start()
        yield server
        server.shutdown()
