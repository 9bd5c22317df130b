"""The crash benchmark's workers, as processes that are started and killed."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from benchmarks.crash_worker import Setting

ROOT = Path(__file__).parents[1]


class Fleet:
    """Workers, forked from a warm parent process, each with a separate data directory.

    ``setting`` returns the n-th worker's setting.
    """

    def __init__(self, setting: Callable[[int], Setting], size: int):
        self._setting = setting
        self._size = size
        self._started = 0
        self.running: list[int] = []
        """Process ids."""
        self.deaths: list[int] = []
        """Exit statuses of workers that ended by themselves."""

    def __enter__(self) -> Self:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crash_worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read_answer()
        for _ in range(self._size):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._parent.communicate()

    def replace_one(self, rng: random.Random) -> None:
        """Kill a worker, and start another."""
        victim = self.running.pop(rng.randrange(len(self.running)))
        status = int(self._request({"end": victim, "signal": int(signal.SIGKILL)}))
        if status != -signal.SIGKILL:
            self.deaths.append(status)
        self._start()

    def _start(self) -> None:
        self._started += 1
        setting = self._setting(self._started)
        process_id = self._request(setting.model_dump(mode="json"))
        self.running.append(int(process_id))

    def _request(self, request: dict[str, Any]) -> str:
        assert self._parent.stdin is not None
        self._parent.stdin.write(json.dumps(request) + "\n")
        self._parent.stdin.flush()
        return self._read_answer()

    def _read_answer(self) -> str:
        assert self._parent.stdout is not None
        line = self._parent.stdout.readline()
        if not line:
            raise RuntimeError("the workers' parent died")
        return line.strip()
