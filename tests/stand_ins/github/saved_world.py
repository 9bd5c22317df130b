"""Keeps the stand-in's data on disk, so that a stand-in that is started again knows them."""

import os
import pickle
from pathlib import Path

from tests.stand_ins.github.wire import App, Receive, Scope, Send
from tests.stand_ins.github.world import World


class SavedWorld:
    """ASGI around the application: saves the data after each request that may have changed them."""

    def __init__(self, app: App, world: World, file: Path):
        self._app = app
        self._world = world
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
        if scope["method"] != "GET":
            self.save()

    def save(self) -> None:
        """Replace the file as a whole, so that a stand-in that is killed leaves a valid one."""
        new = self._file.with_suffix(".new")
        new.write_bytes(pickle.dumps(self._world))
        os.replace(new, self._file)


def load_world(file: Path) -> World | None:
    """Return the data that were saved; None before the first time."""
    if not file.exists():
        return None
    world = pickle.loads(file.read_bytes())
    assert isinstance(world, World)
    return world
