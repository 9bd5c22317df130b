"""``coding-agent jobs open``: the pull request, the issue or the page of a run."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipeline.github.local import local_issue_url
from pipeline.job import FixIssueJob
from pipeline.outcome import Outcome
from tests.cli.console import Console
from tests.stand_ins.example_runs import at_work, failed, opened_pull_request
from tests.stand_ins.recorded_run import RecordedRun
from tests.stand_ins.runs import job

PULL_REQUEST = "https://github.com/octo/repo/pull/7"
ISSUE = "https://github.com/octo/repo/issues/42"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to open, for somebody at a terminal."""
    addresses: list[str] = []

    def start(address: str) -> bool:
        addresses.append(address)
        return True

    monkeypatch.setattr("cli.browser.is_watched", lambda: True)
    monkeypatch.setattr("cli.browser.open_in_browser", start)
    return addresses


def test_the_pull_request_is_opened_if_there_is_one(console: Console, opened: list[str]) -> None:
    opened_pull_request(console.data_dir)
    result = console.run("jobs", "open", job().id)
    assert opened == [PULL_REQUEST]
    assert result.stdout == ""
    assert result.stderr == f"opening {PULL_REQUEST} in the browser\n"


def test_else_the_issue_is_opened(console: Console, opened: list[str]) -> None:
    failed(console.data_dir)
    assert console.run("jobs", "open", job().id).exit_code == 0
    assert opened == [ISSUE]


def test_the_issue_can_be_chosen(console: Console, opened: list[str]) -> None:
    opened_pull_request(console.data_dir)
    console.run("jobs", "open", job().id, "--issue")
    assert opened == [ISSUE]


def test_a_run_without_a_pull_request_says_so(console: Console, opened: list[str]) -> None:
    failed(console.data_dir)
    message = console.refused("jobs", "open", job().id, "--pr", code=1)
    assert message.startswith("the run has opened no pull request")
    assert opened == []


def test_the_issue_of_a_local_repository_has_no_address(
    console: Console, opened: list[str], tmp_path: Path
) -> None:
    local = FixIssueJob(issue_url=local_issue_url(tmp_path, "A title"))
    RecordedRun(console.data_dir, local)
    message = console.refused("jobs", "open", local.id, code=1)
    assert message == "the issue is not on a web page: --page opens the page of the run"
    assert opened == []


def test_a_pipe_gets_the_address(console: Console) -> None:
    opened_pull_request(console.data_dir)
    assert console.run("jobs", "open", job().id).stdout == f"{PULL_REQUEST}\n"


def test_the_address_is_printed_where_no_browser_starts(
    console: Console, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_pull_request(console.data_dir)
    monkeypatch.setattr("cli.browser.open_in_browser", lambda address: False)
    result = console.run("jobs", "open", job().id)
    assert result.stdout == f"{PULL_REQUEST}\n"
    assert result.stderr == "no browser could be started\n"


def test_the_page_is_made_if_the_run_left_none(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failed(console.data_dir)
    address = console.run("jobs", "open", job().id, "--page").stdout.strip()
    page = Path(unquote(urlsplit(address).path))
    assert "the disk is full" in page.read_text()
    assert page.parent.stat().st_mode & 0o077 == 0, "others may not read it"


def test_a_page_that_is_gone_is_made_again(console: Console) -> None:
    run = at_work(console.data_dir)
    key = run.artifact("run", "page.html", "<!doctype html>")
    run.finish(Outcome.NO_FIX, "the rounds are used up", artifacts={"page": key})
    (console.data_dir / "artifacts" / key).unlink()
    address = console.run("jobs", "open", job().id, "--page").stdout.strip()
    assert "the rounds are used up" in Path(unquote(urlsplit(address).path)).read_text()


def test_the_stored_page_is_opened_at_its_present_address(console: Console) -> None:
    """The address in the event may have expired, or be that of a folder before it was moved."""
    run = at_work(console.data_dir)
    key = run.artifact("run", "page.html", "<!doctype html>")
    run.finish(Outcome.NO_FIX, "the rounds are used up", artifacts={"page": key})
    moved = console.data_dir.rename(console.home / "moved")
    address = console.run("--data-dir", moved, "jobs", "open", job().id, "--page").stdout.strip()
    assert address == (moved / "artifacts" / key).as_uri()


def test_the_page_that_the_run_left_is_opened(console: Console) -> None:
    run = at_work(console.data_dir)
    key = run.artifact("run", "page.html", "<!doctype html>")
    run.finish(Outcome.NO_FIX, "the rounds are used up", artifacts={"page": key})
    address = console.run("jobs", "open", job().id, "--page").stdout.strip()
    assert address == run.artifacts.address(key)
