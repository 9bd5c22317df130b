"""Counting the tests that have finished while a suite runs."""

import asyncio
import os
from pathlib import Path

import pytest

from repository.testing.run import finished_tests
from repository.testing.run.finished_tests import FinishedTests, counting

STARTED = b"test:tests.test_a::test_one\0"
FINISHED = b"test:\0"


def test_a_test_counts_once_it_has_finished(tmp_path: Path) -> None:
    messages = tmp_path / "junit.xml.0.messages"
    tests = FinishedTests(tmp_path)
    assert tests.count() == 0
    messages.write_bytes(STARTED)
    assert tests.count() == 0
    messages.write_bytes(STARTED + FINISHED + b"later:more\0" + STARTED + FINISHED[:3])
    assert tests.count() == 1
    messages.write_bytes(STARTED + FINISHED + b"later:more\0" + STARTED + FINISHED)
    assert tests.count() == 2


def test_the_groups_of_a_suite_are_added_up(tmp_path: Path) -> None:
    """Each group has a file, which the runner removes after the group's last test."""
    tests = FinishedTests(tmp_path)
    first = tmp_path / "junit.xml.0.messages"
    first.write_bytes(STARTED + FINISHED)
    assert tests.count() == 1
    first.unlink()
    (tmp_path / "junit.xml.1.messages").write_bytes(STARTED + FINISHED)
    assert tests.count() == 2


def test_tests_that_are_run_again_after_a_crash_count_once(tmp_path: Path) -> None:
    messages = tmp_path / "junit.xml.messages"
    tests = FinishedTests(tmp_path)
    messages.write_bytes((STARTED + FINISHED) * 3)
    assert tests.count() == 3
    messages.write_bytes(STARTED + FINISHED)
    assert tests.count() == 1


def test_links_and_pipes_are_not_read(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.mkdir()
    secret = tmp_path / "secret"
    secret.write_bytes(STARTED + FINISHED)
    (report / "link.messages").symlink_to(secret)
    os.mkfifo(report / "pipe.messages")
    assert FinishedTests(report).count() == 0


async def test_each_new_number_is_reported_until_the_tests_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_tests, "_SECONDS_BETWEEN_COUNTS", 0.0)
    reported: asyncio.Queue[int] = asyncio.Queue()
    messages = tmp_path / "junit.xml.messages"
    async with counting(tmp_path, reported.put_nowait):
        messages.write_bytes(STARTED + FINISHED)
        assert await reported.get() == 1
        messages.write_bytes((STARTED + FINISHED) * 2)
        assert await reported.get() == 2
    messages.write_bytes((STARTED + FINISHED) * 3)
    assert reported.get_nowait() == 0
    assert reported.empty()
