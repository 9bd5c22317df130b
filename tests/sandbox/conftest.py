"""Fixtures: the two sandboxes that isolate."""

from pathlib import Path

import pytest

from sandbox import NoIsolation, Sandbox
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.uid.backend import UidSandbox

NO_SOCKET = Path("/not/there")
"""The uid backend starts a helper itself."""


@pytest.fixture(scope="module", params=["bwrap", "uid"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    index = IndexProxy.configured({})
    try:
        if request.param == "bwrap":
            return BwrapSandbox(index)
        return UidSandbox(NO_SOCKET, index)
    except NoIsolation as error:
        pytest.skip(str(error))
