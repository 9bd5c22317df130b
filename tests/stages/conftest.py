"""Shared repositories and environments for the conversations with a model."""

import asyncio

import pytest

from sandbox import NoIsolation
from tests.stages.conversation import Prepared


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    try:
        return asyncio.run(Prepared.make(tmp_path_factory.mktemp("prepared")))
    except NoIsolation as error:
        pytest.skip(str(error))
