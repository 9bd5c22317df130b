"""Shared repositories and environments for the conversations with a model."""

import asyncio

import pytest

from tests.stages.conversation import Prepared
from tests.stages.workbench import make_sandbox
from tests.stand_ins.remembering_sandbox import Memory, RememberingSandbox


@pytest.fixture(scope="session")
def remembering_sandbox(memory: Memory) -> RememberingSandbox:
    return RememberingSandbox(make_sandbox(), memory)


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, remembering_sandbox: RememberingSandbox
) -> Prepared:
    return asyncio.run(Prepared.make(tmp_path_factory.mktemp("prepared"), remembering_sandbox))
