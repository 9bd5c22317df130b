"""The load test's workers: processes of ``coding-agent worker`` that come and go."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

#: Seconds that a stopping worker may take: Fargate's limit.
STOP_SECONDS = 120.0
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_COMMAND = Path(sys.executable).with_name("coding-agent")
#: In the log of a worker that takes jobs.
_LISTENING = b"listening on"
#: Settings of the machine must not reach the workers.
_FOREIGN = ("CODING_AGENT_", "GITHUB_", "AWS_")


@dataclass(frozen=True)
class _Worker:
    number: int
    process: subprocess.Popen[bytes]
    disk: Path
    """Its data directory, which goes with it."""


class Workers:
    """The workers that run while this is entered as a context.

    Args:
        folder: where each worker has its data directory and its log.
        environment: the settings that all workers share.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]):
        self._folder = folder
        self._environment = environment
        self._running: list[_Worker] = []
        self._stopping: list[_Worker] = []
        self._started = 0
        self.stops = 0
        self.kills = 0
        self.failures: list[str] = []
        """Workers that ended by themselves, or did not end as they should."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in [*self._running, *self._stopping]:
            _kill(worker)

    def __len__(self) -> int:
        return len(self._running)

    def start(self) -> None:
        self._started += 1
        disk = self._folder / f"worker-{self._started}"
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)
        }
        environment |= self._environment
        environment["CODING_AGENT_DATA_DIR"] = str(disk)
        with disk.with_suffix(".log").open("wb") as log:
            process = subprocess.Popen(
                [str(_COMMAND), "worker"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append(_Worker(self._started, process, disk))

    def stop(self, index: int) -> None:
        """Ask a running worker to end. It may take a while."""
        self._terminate(index)
        self.stops += 1

    def kill(self, index: int) -> None:
        """Kill a running worker with all that it has started, as the loss of a machine does."""
        _kill(self._running.pop(index))
        self.kills += 1

    def check(self) -> None:
        """Note which workers have ended, and replace those that ended by themselves."""
        for worker in list(self._stopping):
            status = worker.process.poll()
            if status is not None:
                self._stopping.remove(worker)
                self._note_end(worker, status)
        for worker in list(self._running):
            status = worker.process.poll()
            if status is not None:
                self._running.remove(worker)
                self.failures.append(f"worker {worker.number} ended by itself with {status}")
                self.start()

    def stop_all(self) -> None:
        """Ask all workers to end, and wait until they have."""
        while self._running:
            self._terminate(0)
        for worker in self._stopping:
            try:
                self._note_end(worker, worker.process.wait(STOP_SECONDS))
            except subprocess.TimeoutExpired:
                self.failures.append(f"worker {worker.number} did not end in {STOP_SECONDS:g} s")
                _kill(worker)
        self._stopping.clear()

    def memory_mb(self) -> float:
        """Return the resident memory of the worker that has run for the longest time, in MB."""
        process_id = self._running[0].process.pid
        pages = int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1])
        return pages * _PAGE_BYTES / 1e6

    def _terminate(self, index: int) -> None:
        worker = self._running.pop(index)
        worker.process.terminate()
        self._stopping.append(worker)

    def _note_end(self, worker: _Worker, status: int) -> None:
        shutil.rmtree(worker.disk, ignore_errors=True)
        # Until it listens, a worker has nothing to give back, and SIGTERM just ends it.
        log = worker.disk.with_suffix(".log").read_bytes()
        is_starting = _LISTENING not in log
        if status != 0 and not (is_starting and status == -signal.SIGTERM):
            self.failures.append(f"worker {worker.number} ended with {status} after SIGTERM")


def _kill(worker: _Worker) -> None:
    os.killpg(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    shutil.rmtree(worker.disk, ignore_errors=True)
