"""Finding the run that somebody names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.runs.finding import AmbiguousName, NoSuchRun, find_run
from pipeline.outcome import Event, Outcome
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import Clock, claim, finish, job, result_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.sqlite", clock=clock)
    yield opened
    opened.close()


def open_pull_request(store: SqliteStore, number: int, **fields: object) -> None:
    """Run a job that opens this pull request."""
    claimed = claim(store, job(**fields))  # type: ignore[arg-type]
    links = {"pull_request_number": number}
    result = result_of(claimed, Outcome.PR_OPENED).model_copy(update=links)
    store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), None)


@pytest.mark.parametrize(
    "text",
    [
        job().id,
        job().id[:4],
        "octo/repo#42",
        "Octo/Repo#42",
        "https://github.com/octo/repo/issues/42",
        "octo/repo#7",
        "https://github.com/octo/repo/pull/7/files",
        "#7",
        "7",
    ],
)
def test_the_newest_run_is_found_by_each_of_its_names(store: SqliteStore, text: str) -> None:
    open_pull_request(store, 7)
    open_pull_request(store, 7, replay={"id": "again"})
    assert find_run(store, text).key.generation == 1
    assert find_run(store, text, generation=0).key.generation == 0


def test_a_generation_is_named_after_the_id(store: SqliteStore) -> None:
    open_pull_request(store, 7)
    open_pull_request(store, 7, replay={"id": "again"})
    assert find_run(store, f"{job().id[:6]}/0").key.generation == 0
    with pytest.raises(NoSuchRun, match=f"there is no generation 2 of job {job().id}"):
        find_run(store, f"{job().id}/2")
    with pytest.raises(NoSuchRun, match="generation 1 are two different runs"):
        find_run(store, f"{job().id}/0", generation=1)


def test_a_full_id_is_not_ambiguous_although_another_begins_with_it(store: SqliteStore) -> None:
    for job_id in ("nightly", "nightly-2"):
        claim(store, job(job_id=job_id))
    assert find_run(store, "nightly").job_id == "nightly"
    with pytest.raises(AmbiguousName) as raised:
        find_run(store, "night")
    assert [run.job_id for run in raised.value.matches] == ["nightly", "nightly-2"]


def test_a_number_alone_must_belong_to_one_issue(store: SqliteStore, clock: Clock) -> None:
    open_pull_request(store, 7)
    clock.now += 1
    finish(store, claim(store, job(issue_url="https://github.com/octo/other/issues/7")))
    with pytest.raises(AmbiguousName) as raised:
        find_run(store, "7")
    assert [run.repository for run in raised.value.matches] == ["octo/other", "octo/repo"]
    assert find_run(store, "octo/repo#7").repository == "octo/repo"


def test_digits_may_be_the_beginning_of_an_id_or_a_number(store: SqliteStore) -> None:
    claim(store, job(1234, job_id="from-an-issue"))
    assert find_run(store, "1234").job_id == "from-an-issue"
    claim(store, job(5, job_id="1234-tickets"))
    with pytest.raises(AmbiguousName):
        find_run(store, "1234")


def test_the_same_number_on_another_host_is_another_issue(store: SqliteStore) -> None:
    finish(store, claim(store))
    with pytest.raises(NoSuchRun, match="no run is about issue or pull request #42 of octo/repo"):
        find_run(store, "https://git.example/octo/repo/issues/42")


def test_the_same_number_of_another_local_folder_is_another_issue(store: SqliteStore) -> None:
    here = "file:///here/calc/issues/9"
    there = "file:///there/calc/issues/9"
    for url in (here, there):
        claim(store, job(issue_url=url))
    assert find_run(store, there).issue_url == there
    with pytest.raises(AmbiguousName):
        find_run(store, "local/calc#9")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("abc", "there is no job 'abc'; the first 4 characters of an id are enough"),
        ("abcd", "there is no job 'abcd', and none whose id begins so"),
        ("octo/repo#1", "no run is about issue or pull request #1 of octo/repo"),
        ("#1", "no run is about issue or pull request #1"),
        ("1234", "no job's id begins with '1234', and no run is about issue or pull request #1234"),
    ],
)
def test_what_was_looked_for_is_said(store: SqliteStore, text: str, message: str) -> None:
    finish(store, claim(store, job(job_id="abxy")))
    with pytest.raises(NoSuchRun) as raised:
        find_run(store, text)
    assert str(raised.value) == message
