"""The load test finds no defect in a small load, and finds each defect that is planted."""

import json
from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.load_jobs import LoadJob, add_issues
from benchmarks.load_judge import DEFECTS, gather, judge
from benchmarks.load_samples import QueueState, Sample
from pipeline.job import parse_job
from pipeline.outcome import Outcome
from pipeline.store.sqlite import SqliteStore
from pipeline.store.store import RunStore
from tests.stand_ins.github import GithubStandIn
from tests.stand_ins.runs import TOPIC, claim, finish
from tests.stand_ins.strict_aws import Published

JOBS = 2


class Done:
    """Two jobs that are done: the first one has a pull request, the second one is rejected."""

    def __init__(self, folder: Path):
        self.store: RunStore = SqliteStore(folder / "store.sqlite")
        self.github = GithubStandIn(folder / "github")
        add_issues(self.github, JOBS)
        self.published: list[Published] = []
        self.end(0, LoadJob(0).outcome)
        self.end(1, LoadJob(1).outcome)
        self.open_pull()

    def end(self, number: int, outcome: Outcome) -> None:
        event = finish(self.store, claim(self.store, parse_job(LoadJob(number).body)), outcome)
        self.published.append(Published(TOPIC, event.model_dump_json(), {}))

    def open_pull(self) -> None:
        pulls = len(self.github.pulls("octo/load-0"))
        branch = f"coding-agent/issue-1-{pulls}"
        self.github.add_branch_pull("octo/load-0", branch, "", author="bot")

    def defects(self) -> list[str]:
        verdict = judge(JOBS, gather(self.store, self.github, self.published))
        return [f"{defect.kind} {defect.job}" for defect in verdict.defects]


@pytest.fixture
def done(tmp_path: Path) -> Done:
    return Done(tmp_path)


def test_jobs_that_are_done_once_have_no_defect(done: Done) -> None:
    assert done.defects() == []


def test_the_same_event_may_be_published_again(done: Done) -> None:
    done.published.append(done.published[0])
    assert done.defects() == []
    assert gather(done.store, done.github, done.published).repeated_events == 1


def test_a_second_pull_request_is_found(done: Done) -> None:
    done.open_pull()
    assert done.defects() == ["twice 0"]


def test_a_missing_and_a_second_final_event_are_found(done: Done) -> None:
    second = done.published[1]
    done.published.remove(second)
    assert done.defects() == ["event_missing 1"]
    other = json.loads(second.message) | {"id": "other"}
    done.published += [second, Published(TOPIC, json.dumps(other), {})]
    assert done.defects() == ["twice 1"]


def test_a_run_that_never_ended_and_one_that_ended_otherwise_are_found(tmp_path: Path) -> None:
    done = Done(tmp_path / "done")
    empty = SqliteStore(tmp_path / "other.sqlite")
    done.store = empty
    assert done.defects() == ["lost 0", "lost 1"]
    done.end(0, Outcome.NO_FIX)
    done.end(1, Outcome.REJECTED)
    assert done.defects() == ["wrong_outcome 0"]


def test_memory_is_compared_after_the_libraries_are_loaded() -> None:
    state = QueueState(waiting=0, in_flight=0, deleted=0, oldest=0.0)
    memory = [50.0, 90.0, 160.0, 162.0, 164.0, 164.0, 165.0, 167.0]
    samples = [Sample(n, 0, state, megabytes) for n, megabytes in enumerate(memory)]
    assert load.compare_memory(samples) == (161.0, 166.0)


@pytest.mark.slow
def test_a_small_load_with_a_worker_that_goes_has_no_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "REPLACED_EVERY", 4.0)
    result = load.measure(60, 2, 5.0, 1, tmp_path)
    summary = load.summarise(result)
    assert result.verdict.defects == []
    assert summary["stopped"] + summary["killed"] > 0
    assert len(result.verdict.finished) == 60
    assert set(DEFECTS) <= summary.keys()
