"""The page at a run's end: it is stored with every outcome, and can neither change nor lose one."""

import threading
from pathlib import Path

import pytest

from pipeline.artifacts.folder import FolderArtifacts
from pipeline.engine import run_page
from pipeline.engine.engine import Ended
from pipeline.engine.run_page import MakePage
from pipeline.outcome import Outcome, RunResult
from pipeline.stage import Stop
from pipeline.store.contract import RunRow
from tests.stand_ins.runs import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def end(bench: Bench, make_page: MakePage) -> RunResult:
    bench.make_page = make_page
    answer = await bench.machine("with page").execute(bench.claim())
    assert isinstance(answer, Ended), answer
    return answer.result


def stored_page(bench: Bench, result: RunResult) -> bytes:
    address = result.artifacts["page"]
    key = address.partition("/artifacts/")[2]
    return bench.artifacts.get(key)


@pytest.mark.parametrize(
    "outcome", [Outcome.PR_OPENED, Outcome.NO_FIX, Outcome.REJECTED, Outcome.BUDGET_EXHAUSTED]
)
async def test_every_outcome_has_a_page(bench: Bench, outcome: Outcome) -> None:
    bench.does("propose", lambda run: Stop(outcome, "a reason"))
    result = await end(bench, lambda run: f"{run.outcome}: {run.reason}".encode())
    assert stored_page(bench, result) == f"{outcome}: a reason".encode()
    assert bench.stored_run().outcome == outcome


async def test_the_event_names_the_page(bench: Bench) -> None:
    result = await end(bench, lambda run: b"a page")
    finished = bench.published()[-1].data
    assert isinstance(finished, RunResult)
    assert finished.artifacts["page"] == result.artifacts["page"]
    assert result.artifacts["page"].endswith(".html")


async def test_an_event_that_points_to_its_data_names_the_page(bench: Bench) -> None:
    bench.does("propose", lambda run: Stop(Outcome.NO_FIX, "too large for SNS " * 20_000))
    result = await end(bench, lambda run: b"a page")
    assert sorted(result.artifacts) == ["page", "result"]
    assert stored_page(bench, result) == b"a page"


async def test_the_page_is_made_of_the_run_as_it_ends(bench: Bench) -> None:
    made_of: list[RunRow] = []

    def make_page(run: RunRow) -> bytes:
        made_of.append(run)
        return b"a page"

    await end(bench, make_page)
    (row,) = made_of
    stored = bench.stored_run()
    assert (row.state, row.outcome, row.reason) == ("finished", stored.outcome, stored.reason)
    assert (row.finished_at, row.seconds) == (stored.finished_at, stored.seconds)
    assert row.result is not None
    assert RunResult.model_validate_json(row.result).outcome == stored.outcome


async def test_a_page_that_fails_does_not_change_the_run(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def make_page(run: RunRow) -> bytes:
        raise ZeroDivisionError("a defect of the page")

    result = await end(bench, make_page)
    assert result.outcome is Outcome.PR_OPENED
    assert "page" not in result.artifacts
    assert bench.stored_run().outcome == "pr_opened"
    assert "the run ends without its page" in caplog.text


async def test_a_page_that_is_slow_does_not_hold_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_page, "MAX_SECONDS", 0.01)
    may_end = threading.Event()

    def make_page(run: RunRow) -> bytes:
        may_end.wait(timeout=60.0)
        return b"too late"

    try:
        result = await end(bench, make_page)
    finally:
        may_end.set()
    assert result.outcome is Outcome.PR_OPENED
    assert "page" not in result.artifacts


async def test_a_page_without_an_address_does_not_change_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sign(_artifacts: FolderArtifacts, key: str) -> str:
        if key.endswith(".html"):
            raise PermissionError("no credentials to sign the address")
        return f"https://bucket.example/{key}"

    monkeypatch.setattr(FolderArtifacts, "address", sign)
    result = await end(bench, lambda run: b"a page")
    assert result.outcome is Outcome.PR_OPENED
    assert "page" not in result.artifacts


async def test_a_run_that_killed_its_workers_has_no_page(bench: Bench) -> None:
    bench.make_page = lambda run: b"a page"
    result = await bench.machine("with page").give_up(bench.claim(), "its worker died 5 times")
    assert result.outcome is Outcome.FAILED
    assert "page" not in result.artifacts
