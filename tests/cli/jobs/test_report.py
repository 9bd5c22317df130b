"""``coding-agent jobs report``: where the page is written, and what is never overwritten."""

import shutil
from pathlib import Path

import pytest

from tests.cli.console import Console
from tests.stand_ins.example_runs import TITLE, opened_pull_request
from tests.stand_ins.recorded_run import RecordedRun


@pytest.fixture
def run(console: Console, tmp_path: Path) -> RecordedRun:
    """A run in the store that the commands open."""
    run = opened_pull_request(tmp_path / "recorded", body="the key is s3cr3t-key")
    run.store.close()
    console.data_dir.mkdir(parents=True)
    for name in ("store.sqlite", "artifacts"):
        shutil.move(tmp_path / "recorded" / name, console.data_dir / name)
    return run


def test_the_page_is_written_into_the_current_folder(console: Console, run: RecordedRun) -> None:
    printed = console.run("jobs", "report", run.job.id).stdout
    name = f"run-{run.job.id[:8]}-0.html"
    assert printed == f"{name}\n"
    page = (console.folder / name).read_text()
    assert TITLE in page
    assert "the key is s3cr3t-key" in page
    assert (console.folder / name).stat().st_mode & 0o777 == 0o600


def test_an_earlier_page_is_replaced(console: Console, run: RecordedRun) -> None:
    for _ in range(2):
        assert console.run("jobs", "report", run.job.id, "--output", "page.html").exit_code == 0
    assert [path.name for path in console.folder.iterdir()] == ["page.html"]


def test_a_file_that_is_no_page_is_kept(console: Console, run: RecordedRun) -> None:
    (console.folder / "notes.html").write_text("mine")
    message = console.refused("jobs", "report", run.job.id, "--output", "notes.html")
    assert message == "notes.html is not the page of a run: name another file"
    assert (console.folder / "notes.html").read_text() == "mine"


def test_a_folder_that_does_not_exist_is_named(console: Console, run: RecordedRun) -> None:
    message = console.refused("jobs", "report", run.job.id, "--output", "none/page.html")
    assert message == "none/page.html can't be created: there is no folder none"


def test_the_page_can_be_printed(console: Console, run: RecordedRun) -> None:
    result = console.run("jobs", "report", run.job.id, "--output", "-")
    assert result.stdout.startswith("<!doctype html>")
    assert list(console.folder.iterdir()) == []


def test_json_names_the_file(console: Console, run: RecordedRun) -> None:
    payload = console.json("jobs", "report", run.job.id, "--json")
    path = Path(payload["file"])
    assert path.parent == console.folder
    assert path.stat().st_size == payload["bytes"]


def test_secrets_of_the_settings_are_left_out(
    console: Console, run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "s3cr3t-key")
    page = console.run("jobs", "report", run.job.id, "--output", "-").stdout
    assert "s3cr3t-key" not in page
    assert "the key is [redacted]" in page


def test_the_page_is_opened_in_the_browser(
    console: Console, run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def start(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("cli.browser.open_in_browser", start)
    console.run("jobs", "report", run.job.id, "--output", "page.html", "--open")
    assert opened == [(console.folder / "page.html").as_uri()]


def test_a_browser_that_is_missing_is_reported(
    console: Console, run: RecordedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.browser.open_in_browser", lambda address: False)
    result = console.run("jobs", "report", run.job.id, "--output", "page.html", "--open")
    assert result.exit_code == 1
    assert f"open {console.folder / 'page.html'} yourself" in result.stderr
