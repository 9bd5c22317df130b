"""Writes to GitHub come one at a time, with a pause between them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.github.connection import Connection
from pipeline.github.rest import GithubForge
from pipeline.github.write_pace import WritePace
from pipeline.job import IssueRef
from tests.stand_ins.github import WRITE_TOKEN, GithubStandIn

REF = IssueRef.parse("https://github.com/octo/sample/issues/1")


class Timeline:
    """A clock that only sleeping and working advance."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


@pytest.fixture
def pace(timeline: Timeline) -> WritePace:
    return WritePace(1.0, clock=timeline.clock, sleep=timeline.sleep)


def test_a_write_waits_for_the_rest_of_a_second_after_the_last_one_ended(
    pace: WritePace, timeline: Timeline
) -> None:
    with pace.writing():
        timeline.now += 5.0
    timeline.now += 0.25
    with pace.writing():
        pass
    timeline.now += 1.0
    with pace.writing():
        pass
    assert timeline.slept == [0.75]


def test_a_write_that_failed_counts(pace: WritePace, timeline: Timeline) -> None:
    with pytest.raises(OSError, match="reset"), pace.writing():
        raise OSError("reset")
    with pace.writing():
        pass
    assert timeline.slept == [1.0]


def test_writes_of_several_threads_neither_overlap_nor_crowd(
    pace: WritePace, timeline: Timeline
) -> None:
    started: list[float] = []
    at_work = threading.Lock()

    def write(_: int) -> None:
        with pace.writing():
            assert at_work.acquire(blocking=False), "another write is at work"
            started.append(timeline.now)
            at_work.release()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(20)))
    assert started == [100.0 + second for second in range(20)]


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubStandIn]:
    with GithubStandIn(tmp_path / "github") as server:
        server.add_repository("octo/sample", {"a.txt": "a\n"})
        server.add_issue("octo/sample", "A", "b")
        yield server


def add_label(connection: Connection, name: str) -> None:
    path = "/repos/octo/sample/issues/1/labels"
    with connection.calling("octo/sample", "missing") as client:
        client.requester.requestJsonAndCheck("POST", path, input={"labels": [name]})


def test_a_connection_pauses_before_writes_and_not_before_reads_or_queries(
    github: GithubStandIn, pace: WritePace, timeline: Timeline
) -> None:
    connection = Connection(api_url=github.api_url, token=SecretStr(WRITE_TOKEN), pace=pace)
    forge = GithubForge(connection)
    add_label(connection, "one")
    assert timeline.slept == []
    forge.repository(REF)
    forge.last_edit(REF)
    assert timeline.slept == []
    add_label(connection, "two")
    assert timeline.slept == [1.0]
