"""A disk that fills while jobs run: they wait, the worker takes no more, and all is done once there
is room.
"""

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.end_to_end.service import FILES, ISSUE, PATIENCE, Service

DISK_MB = 200
#: What the suite of the large repository writes: more than is free beside the ballast.
SUITE_MB = 90
BALLAST_MB = 120
#: Seconds that a run's first wait and the runs after it may take.
LONG_PATIENCE = 150.0
LARGE = "octo/large"
WRITING_TEST = f"""import pathlib, unittest


class LargeTest(unittest.TestCase):
    def test_much_is_written(self):
        with pathlib.Path("large").open("wb") as file:
            for _ in range({SUITE_MB}):
                file.write(b"x" * 1_000_000)
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a disk can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_jobs_wait_for_room_on_a_full_disk_and_then_all_are_done_once(
    service: Service, small_disk: Path
) -> None:
    store = small_disk / "store.sqlite"
    service.variables = {
        "CODING_AGENT_DATA_DIR": str(small_disk / "data"),
        "CODING_AGENT_STORE": f"sqlite:///{store}",
        "CODING_AGENT_ARTIFACTS": str(small_disk / "artifacts"),
        "CODING_AGENT_CONCURRENCY": "2",
        "CODING_AGENT_VISIBILITY_TIMEOUT": "30",
    }
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(BALLAST_MB * 1_000_000))
    service.github.add_repository(LARGE, {**FILES, "tests/test_large.py": WRITING_TEST})
    large = service.github.issue_url(LARGE, service.github.add_issue(LARGE, *ISSUE))
    service.github.add_repository("slow/clone", FILES)
    service.github.make_fetches_endless("slow")
    slow = service.github.issue_url("slow/clone", service.github.add_issue("slow/clone", *ISSUE))
    service.start_worker("worker")
    url = service.base_url("worker")
    assert ask(f"{url}/ready")[0] == 200

    service.submit(issue_url=slow)
    service.wait_for_fetches(1)
    service.submit(issue_url=large)
    service.wait_until(
        lambda: runs(store).get(large, {}).get("waits", 0) > 0, "a run that waits for room"
    )
    fill(ballast)
    service.wait_until(lambda: ask(f"{url}/ready")[0] == 503, "a worker that is not ready")
    assert "make room on it" in ask(f"{url}/ready")[1]
    status, text = ask(f"{url}/health")
    assert status == 200 and "make room on it" in json.loads(text)["reason"]

    service.submit()
    service.wait_until(
        lambda: service.aws.depth(service.queue.url) == (1, 2), "a message for later"
    )
    assert runs(store)[large]["lease_token"] is None
    held = runs(store)[slow]
    service.wait_until(
        lambda: time.time() > held["lease_expires_at"], "a lease that needs to be renewed"
    )
    assert runs(store)[slow]["lease_token"] == held["lease_token"]

    ballast.unlink()
    service.wait_until(lambda: ask(f"{url}/ready")[0] == 200, "a worker that is ready again")
    events = service.wait_for_finished(2, seconds=LONG_PATIENCE)
    ended = [event for event in events if event["type"] == "run.finished"]
    assert [event["data"]["outcome"] for event in ended] == ["pr_opened"] * 2
    assert len({event["id"] for event in ended}) == 2, "each job once"
    for run in runs(store).values():
        assert (run["crashes"], run["tries"]) == (0, 0)


def ask(url: str) -> tuple[int, str]:
    """Return the status and the body of the response."""
    try:
        with urlopen(url, timeout=PATIENCE) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def fill(file: Path) -> None:
    """Write to a file until its disk is full."""
    with file.open("ab", buffering=0) as ballast:
        try:
            while ballast.write(bytes(100_000)):
                pass
        except OSError:
            return


def runs(store: Path) -> dict[str, dict[str, Any]]:
    """Return the stored runs by the addresses of their issues."""
    if not store.exists():
        return {}
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT data FROM items WHERE sk LIKE 'run#%'").fetchall()
    connection.close()
    stored = [json.loads(text) for (text,) in rows]
    return {run["issue_url"]: run for run in stored}
