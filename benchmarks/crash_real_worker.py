"""The crash benchmark's workers with the real stages, assembled as the service is."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from botocore.exceptions import ReadTimeoutError
from pydantic import SecretStr

from benchmarks.crash_forge import TIMEOUT
from benchmarks.crash_kinds import MAX_ROUNDS
from benchmarks.crash_process import Setting, fork_workers, run_worker
from benchmarks.crash_real_plan import Push
from benchmarks.crash_seller import SoldReplies
from cli import wiring
from pipeline.github import client
from pipeline.github.connection import Connection
from pipeline.github.rest import GithubForge
from pipeline.github.write_pace import WritePace
from pipeline.settings import Settings
from pipeline.store.sqlite import SqliteTable, SqliteTransaction
from pipeline.store.store import RunStore
from pipeline.worker import deliveries
from repository.git import process

T = TypeVar("T")

#: The share of the store's transactions whose reply is lost.
LOST_WRITES = 0.004


class RealSetting(Setting):
    number: int
    api_url: str
    token: str
    push: Push
    sandbox: str
    is_lossy: bool
    """Whether the store loses replies."""


class LossyTable(SqliteTable):
    """A table that loses replies, as a database on the network does.

    The file ``lost`` gets a byte for each one.
    """

    def __init__(self, path: Path, lost: Path, seed: int):
        self._rng = random.Random(seed)
        self._lost = lost
        super().__init__(path)

    def transact(self, decide: Callable[[SqliteTransaction], T]) -> T:
        result = super().transact(decide)
        if self._rng.random() < LOST_WRITES:
            with self._lost.open("ab") as file:
                file.write(b".")
            raise ReadTimeoutError(endpoint_url="https://dynamodb", error="lost")
        return result


async def work(setting: RealSetting) -> None:
    """Run a worker until SIGTERM."""
    _shorten_waits()
    settings = Settings(
        data_dir=setting.data,
        artifacts=str(setting.shared / "artifacts"),
        strategy="single",
        sandbox=setting.sandbox,
        push=setting.push,
        topic_arn=setting.topic_arn,
        max_rounds=MAX_ROUNDS,
        max_cost_usd_per_repository_day=1e6,
        max_cost_usd_per_day=1e6,
    )
    connection = Connection(
        api_url=setting.api_url,
        token=SecretStr(setting.token),
        pace=WritePace(0.0),
    )
    forge = GithubForge(connection, push=setting.push)
    model = SoldReplies(setting.world, setting.number)
    app = wiring.build(settings, forge, model=model, store=_open_store(setting))
    await run_worker(setting, app.store, app.engine, app.policy)


def _open_store(setting: RealSetting) -> RunStore:
    path = setting.shared / "store.sqlite"
    if not setting.is_lossy:
        return RunStore(SqliteTable(path))
    return RunStore(LossyTable(path, setting.shared / "lost-writes", setting.number))


def _shorten_waits() -> None:
    """Scale down what runs and messages wait for, as the visibility of messages is scaled down."""
    client.TIMEOUT_SECONDS = TIMEOUT
    process.TIMEOUT_SECONDS = TIMEOUT
    deliveries.BUSY_DELAY = 1.0
    deliveries.FAILURE_DELAY = 2.0


if __name__ == "__main__":
    fork_workers(RealSetting, work)
