"""The crash benchmark's workers, as processes that are started and killed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.crash_process import Setting

ROOT = Path(__file__).parents[1]
#: Returns the setting of the n-th worker, which replaces one with this data directory, if any.
MakeSetting = Callable[[int, Path | None], Setting]


@dataclass(frozen=True)
class _Worker:
    process_id: int
    data: Path


class Fleet:
    """Workers, forked from a warm parent process.

    ``program`` is the module that runs as the parent.
    """

    def __init__(self, program: str, setting: MakeSetting, size: int):
        self._program = program
        self._setting = setting
        self._size = size
        self._started = 0
        self._lock = threading.Lock()
        self._running: dict[int, _Worker] = {}
        self._killed: list[_Worker] = []
        self.kills = 0
        self.deaths: list[int] = []
        """Exit statuses of workers that ended by themselves."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", self._program],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read_answer()
        for _ in range(self._size):
            self._start(None)
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate()

    def kill(self, number: int) -> bool:
        """Kill a worker at once; return whether it was running. Any thread may call this."""
        with self._lock:
            worker = self._running.pop(number, None)
            if worker is None:
                return False
            # A process that ended by itself keeps its id until the parent waits for it.
            os.kill(worker.process_id, signal.SIGKILL)
            self._killed.append(worker)
            self.kills += 1
            return True

    def replace_killed(self) -> None:
        """Start a worker for each one that was killed."""
        with self._lock:
            killed = self._killed
            self._killed = []
        for worker in killed:
            status = int(self._request({"end": worker.process_id, "signal": int(signal.SIGKILL)}))
            if status != -signal.SIGKILL:
                self.deaths.append(status)
            self._start(worker.data)

    def replace_one(self, rng: random.Random) -> None:
        """Kill a worker, and start another."""
        self.kill(rng.choice(sorted(self._running)))
        self.replace_killed()

    def _start(self, predecessor: Path | None) -> None:
        self._started += 1
        number = self._started
        setting = self._setting(number, predecessor)
        process_id = int(self._request(setting.model_dump(mode="json")))
        with self._lock:
            self._running[number] = _Worker(process_id, setting.data)

    def _request(self, request: dict[str, Any]) -> str:
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps(request) + "\n")
        self._parent.stdin.flush()
        return self._read_answer()

    def _read_answer(self) -> str:
        assert self._parent.stdout is not None
        line = self._parent.stdout.readline()
        if not line:
            status = self._parent.wait()
            raise RuntimeError(f"the workers' parent ended with {status}")
        return line.strip()
