"""The parts of a run as rows of the history."""

from pathlib import Path

from console.history.parts import PartReader
from console.history.records import CALLS, METADATA, PARTS, ROUNDS, STAGES, TESTS, Record, Table
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.outcome import Event
from pipeline.store.contract import Checkpoint
from pipeline.store.store import RunStore
from tests.stand_ins.example_runs import FAILING, OTHER, four_rounds, opened_pull_request
from tests.stand_ins.recorded_run import MODEL, RecordedRun
from tests.stand_ins.runs import START, claim, job, result_of


def read(run: RecordedRun) -> dict[Table, list[Record]]:
    return PartReader(run.store, run.artifacts).read(run.row)


def values(records: list[Record], *columns: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(record, column) for column in columns) for record in records]


def test_all_tables_are_read(tmp_path: Path) -> None:
    assert set(read(opened_pull_request(tmp_path))) == set(PARTS)


def test_a_call_has_its_model_state_and_cost(tmp_path: Path) -> None:
    calls = read(opened_pull_request(tmp_path))[CALLS]
    assert values(calls, "call", "attempt", "model", "state", "cost_usd") == [
        ("1/propose_patch/0", 1, MODEL, "settled", 0.0123)
    ]


def test_stages_are_in_the_order_of_their_ends(tmp_path: Path) -> None:
    stages = read(opened_pull_request(tmp_path))[STAGES]
    names = [name for (name,) in values(stages, "stage")]
    assert names[0] == "fetch_issue"
    assert names[-3:] == ["propose_patch", "apply_patch", "run_tests"]


def test_texts_that_a_run_remembered_are_no_stages(store: RunStore, tmp_path: Path) -> None:
    claimed = claim(store)
    for round_, stage in ((0, "remembered:template_set"), (1, "fetch_issue")):
        checkpoint = Checkpoint(round_, stage, "{}", False, 1.0, START)
        store.save_checkpoint(claimed.lease, checkpoint)
    (row,) = store.runs()
    stages = PartReader(store, FolderArtifacts(tmp_path)).read(row)[STAGES]
    assert values(stages, "round", "stage", "seconds", "finished_at") == [
        (1, "fetch_issue", 1.0, "2001-09-09T01:46:40Z")
    ]


def test_a_round_says_why_the_one_before_was_sent_back(tmp_path: Path) -> None:
    rounds = read(four_rounds(tmp_path))[ROUNDS]
    assert values(rounds, "round", "stage") == [(n, "propose_patch") for n in (2, 3, 4)]
    (reason,) = values(rounds[:1], "reason")[0]
    assert OTHER in str(reason)


def test_tests_are_named_with_what_they_showed(tmp_path: Path) -> None:
    tests = read(opened_pull_request(tmp_path))[TESTS]
    assert (1, FAILING, "fixed") in values(tests, "round", "test", "result")


def test_tests_of_a_lost_artifact_are_left_out(tmp_path: Path) -> None:
    run = RecordedRun(tmp_path)
    claimed = claim(run.store, job(43))
    lost = Checkpoint(1, "run_tests", "no/such/artifact", True, 1.0, START)
    run.store.save_checkpoint(claimed.lease, lost)
    row = run.store.run(claimed.run.job_id)
    assert row is not None
    parts = PartReader(run.store, run.artifacts).read(row)
    assert (parts[TESTS], len(parts[STAGES])) == ([], 1)


def test_metadata_has_a_row_for_each_value(store: RunStore, tmp_path: Path) -> None:
    claimed = claim(store)
    metadata = {"customer": "7", "team": "a"}
    result = result_of(claimed).model_copy(update={"metadata": metadata})
    store.finish(claimed.lease, result, Event.about(result, "2001-09-09T01:46:40.000Z"), None)
    (row,) = store.runs()
    records = PartReader(store, FolderArtifacts(tmp_path)).read(row)[METADATA]
    assert values(records, "name", "value") == [("customer", "7"), ("team", "a")]
