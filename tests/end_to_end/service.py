"""A whole service for one test: stand-ins for GitHub and AWS, a sample repository, and workers as
real processes.
"""

import json
import multiprocessing
import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.stand_ins.aws import Aws, Queue, Topic
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn

#: Forks workers from a process that has imported what they need.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.end_to_end.doomed_worker"])
REPOSITORY = "octo/calc"
WEBHOOK_SECRET = "a-secret-of-the-webhook"
#: A package without dependencies and with a unittest suite: its tests need nothing installed.
FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n",
    "tests/__init__.py": "",
    "tests/test_calc.py": (
        "import unittest\n\nfrom calc import double\n\n\nclass CalcTest(unittest.TestCase):\n"
        "    def test_double(self):\n        self.assertEqual(double(2), 4)\n"
    ),
}
ISSUE = ("add() subtracts", "`add(2, 3)` gives -1 in calc.py; it should give 5.")
FIX = """The sign was wrong.

calc.py
<<<<<<< SEARCH
    return a - b
=======
    return a + b
>>>>>>> REPLACE

tests/test_calc.py
<<<<<<< SEARCH
from calc import double
=======
from calc import add, double
>>>>>>> REPLACE

tests/test_calc.py
<<<<<<< SEARCH
class CalcTest(unittest.TestCase):
=======
class CalcTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)

>>>>>>> REPLACE
"""
#: Seconds that a step of a test may take before it is called hung.
PATIENCE = 60.0


@dataclass
class Service:
    """A service and its workers.

    ``folder`` holds what all workers share (store, artifacts); each worker has a data directory of
    its own.
    """

    folder: Path
    github: GithubStandIn
    aws: Aws
    queue: Queue
    topic: Topic
    issue_url: str
    events: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """The published events so far: body and attributes."""
    workers: list[ForkServerProcess] = field(default_factory=list)
    listening: dict[str, Connection] = field(default_factory=dict)
    """Where each worker reports its address, by its data folder."""
    variables: dict[str, str] = field(default_factory=dict)
    """Variables of the workers, in place of those that all tests have."""
    log_level: str = "INFO"

    @classmethod
    def start(cls, folder: Path, github: GithubStandIn, aws: Aws) -> "Service":
        github.add_repository(REPOSITORY, FILES)
        number = github.add_issue(REPOSITORY, *ISSUE)
        issue_url = github.issue_url(REPOSITORY, number)
        (folder / "reply.md").write_text(FIX)
        return cls(folder, github, aws, aws.make_queue(), aws.make_topic(), issue_url)

    def environment(self, data_dir: str) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **inherited,
            **self.aws.environment,
            "CODING_AGENT_QUEUE_URL": self.queue.url,
            "CODING_AGENT_TOPIC_ARN": self.topic.arn,
            # One at a time: a worker that dies during a poll would take the next message with it
            # for a while.
            "CODING_AGENT_CONCURRENCY": "1",
            "CODING_AGENT_PORT": "0",
            "CODING_AGENT_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "CODING_AGENT_DATA_DIR": str(self.folder / data_dir),
            "CODING_AGENT_STORE": f"sqlite:///{self.folder}/shared/store.sqlite",
            "CODING_AGENT_ARTIFACTS": f"{self.folder}/shared/artifacts",
            "CODING_AGENT_MODEL": f"scripted:{self.folder}/reply.md",
            # One request a run: what these tests are about does not depend on the strategy.
            "CODING_AGENT_STRATEGY": "single",
            "GITHUB_API_URL": self.github.api_url,
            "GITHUB_TOKEN": WRITE_TOKEN,
            **self.variables,
        }

    @property
    def processes(self) -> Path:
        """The record of the processes that workers start: see process_record.py."""
        return self.folder / "processes"

    def submit(self, **fields: Any) -> None:
        body = json.dumps({"issue_url": self.issue_url, **fields})
        self.aws.sqs.send_message(QueueUrl=self.queue.url, MessageBody=body)

    def start_worker(self, data_dir: str, *death: str) -> ForkServerProcess:
        """Start a worker that kills itself at ``death`` (stage, moment): see doomed_worker.py."""
        from tests.end_to_end import doomed_worker

        self.listening[data_dir], child_end = multiprocessing.Pipe(duplex=False)
        orders = doomed_worker.Orders(
            self.environment(data_dir),
            log=self.folder / f"{data_dir}.log",
            bought=self.folder / "bought",
            processes=self.processes,
            log_level=self.log_level,
            death=death,
            listening=child_end,
        )
        worker = FORKS.Process(target=doomed_worker.run, args=(orders,))
        worker.start()
        child_end.close()
        self.workers.append(worker)
        return worker

    def wait_for_fetches(self, count: int) -> None:
        """Wait until this number of fetches wait for a response of the remote."""

        def is_reached() -> bool:
            return self.github.waiting_fetches == count

        self.wait_until(is_reached, f"{count} waiting fetches")

    def webhook_url(self, data_dir: str) -> str:
        """Wait until a worker listens, and return the address of its webhook."""
        return f"{self.base_url(data_dir)}/webhook/github"

    def base_url(self, data_dir: str) -> str:
        """Wait until a worker listens, and return the address of its HTTP intake."""
        listening = self.listening[data_dir]
        assert listening.poll(PATIENCE), f"{data_dir} does not listen\n{self._logs()}"
        host, port = listening.recv()
        return f"http://{host}:{port}"

    def kill_workers(self) -> None:
        """Kill all workers: a clean stop may wait 20 s for the long poll, and has its own tests."""
        for worker in self.workers:
            worker.kill()
            worker.join(PATIENCE)

    def wait_for_finished(
        self, count: int = 1, *, seconds: float = PATIENCE
    ) -> list[dict[str, Any]]:
        """Wait for this number of run.finished events; return every event so far."""

        def is_done() -> bool:
            finished = [body for body, _ in self.events if '"run.finished"' in body]
            return len(finished) >= count

        self.wait_until(is_done, f"{count} run.finished", seconds)
        return [json.loads(body) for body, _ in self.events]

    def wait_for_duplicate(self) -> None:
        """Wait for an event that is marked as published before."""

        def is_done() -> bool:
            return any(attributes.get("duplicate") == "true" for _, attributes in self.events)

        self.wait_until(is_done, "duplicate event")

    def wait_until(self, is_done: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Collect the published events until ``is_done``; ``what`` names it if it never is."""
        deadline = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() >= deadline:
                raise AssertionError(f"no {what} within {seconds:g} s\n{self._logs()}")
            self.events += self.aws.events(self.topic, wait_seconds=1)

    def expire_leases(self) -> None:
        """End the dead worker's leases, and make its message visible again."""
        with sqlite3.connect(self.folder / "shared/store.sqlite", timeout=30) as store:
            store.execute(
                "UPDATE items SET data = json_set(data, '$.lease_expires_at', 0)"
                " WHERE sk LIKE 'run#%'"
            )
        store.close()
        self.submit()

    def progress(self, data_dir: str) -> list[tuple[str, str]]:
        """Return (kind, stage) of a worker's progress, in order."""
        progress = []
        for line in (self.folder / f"{data_dir}.log").read_text().splitlines():
            if line.startswith("{") and '"kind"' in line:
                fields = json.loads(line)
                progress.append((fields["kind"], fields["stage"]))
        return progress

    def count_bought(self) -> int:
        """Count the replies that all workers together bought from the model."""
        file = self.folder / "bought"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def _logs(self) -> str:
        parts = []
        for log in self.folder.glob("*.log"):
            parts.append(f"--- {log.name}\n{log.read_text()[-3000:]}")
        return "\n".join(parts)


def wait_for_death(worker: ForkServerProcess) -> int | None:
    """Wait until the worker has ended, and return its exit status: the negative signal number."""
    worker.join(PATIENCE)
    return worker.exitcode
