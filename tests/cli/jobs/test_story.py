"""``coding-agent jobs show``: a run as a story for a person."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.outcome import Outcome
from stages.propose_patch.round_note import SentBack, SentBackNote
from tests.cli.console import Console
from tests.stand_ins.example_runs import (
    FAILING,
    at_work,
    failed,
    four_rounds,
    long_agent_run,
    opened_pull_request,
)
from tests.stand_ins.recorded_run import RecordedRun
from tests.stand_ins.runs import job


def story(console: Console) -> str:
    result = console.run("jobs", "show", job().id)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def paragraph(text: str, label: str) -> str:
    """Return the lines of the statement with a label, without their indentation."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(label):
            lines.append(line.removeprefix(label).strip())
        elif lines and line.startswith(" "):
            lines.append(line.strip())
        elif lines:
            break
    return "\n".join(lines)


def test_the_first_thing_is_what_happened(console: Console) -> None:
    opened_pull_request(console.data_dir)
    text = story(console)
    first = " ".join(text.partition("\n\n")[0].split())
    assert first.startswith("Opened pull request #7 (red to green): 1 test failed before")
    assert paragraph(text, "Issue").startswith("Night shifts are counted as negative time\n")
    assert "https://github.com/octo/repo/issues/42" in paragraph(text, "Issue")
    assert "hourglass/entries.py (+4 -1)" in paragraph(text, "Round 1")
    proof = paragraph(text, "Tests")
    assert proof.splitlines() == [
        "red to green; 3 tests ran",
        "New, and fail without the rest of the change:",
        FAILING,
        "Still fail:",
        "tests.test_old::test_broken",
    ]
    assert "https://github.com/octo/repo/pull/7" in paragraph(text, "PR")
    assert "$0.0123 of at most $3.00" in paragraph(text, "Cost")


def test_a_round_that_was_sent_back_names_the_failing_tests(console: Console) -> None:
    four_rounds(console.data_dir)
    text = story(console)
    assert paragraph(text, "Round 2").endswith(
        "Sent back, as these tests fail with it:\ntests.test_sheet::test_totals"
    )
    assert "Sent back" not in paragraph(text, "Round 4")


def test_of_many_failing_tests_only_some_are_named(console: Console) -> None:
    run = at_work(console.data_dir)
    returned = SentBack(
        tree=f"{1:040x}",
        patch_key=run.facts.artifacts["patch"],
        regressions=70,
        failing=tuple(f"tests::test_{number:02}" for number in range(50)),
        failing_count=70,
    )
    run.send_back("they fail", SentBackNote(candidates=(returned,)), seconds=1.0)
    run.finish(Outcome.NO_FIX, "the rounds are used up")
    text = paragraph(story(console), "Round 1")
    assert "tests::test_04" in text
    assert "tests::test_05" not in text
    assert "and 65 more tests" in text


def test_the_agents_steps_are_counted(console: Console) -> None:
    long_agent_run(console.data_dir)
    assert "The agent took 60 steps." in paragraph(story(console), "Round 1")


def test_a_failure_says_what_delayed_it_and_how_to_go_on(console: Console) -> None:
    failed(console.data_dir)
    text = story(console)
    assert text.startswith("Failed for a reason outside of the issue: the disk is full")
    assert paragraph(text, "Delays") == "it had to wait 1 time; 5 tries failed"
    assert f"coding-agent dlq replay {job().id}" in text.partition("\nNext\n")[2]


def test_a_run_at_work_can_be_followed(console: Console) -> None:
    at_work(console.data_dir)
    text = story(console)
    assert text.startswith("At work, in round 1\n")
    assert paragraph(text, "Now").startswith("run tests, since 2001-09-09T01:47:")
    assert f"coding-agent jobs watch {job().id}" in text


def test_what_a_run_waited_for_is_not_said_to_last(console: Console) -> None:
    run = at_work(console.data_dir)
    run.wait(600.0, "GitHub is down (502)")
    first = " ".join(story(console).partition("\n\n")[0].split())
    assert first == "At work, in round 1: its last delivery ended with: GitHub is down (502)"


def test_an_issue_that_was_not_fetched_is_named(console: Console) -> None:
    run = RecordedRun(console.data_dir)
    run.wait(600.0, "GitHub is down (502)")
    assert paragraph(story(console), "Issue").startswith("octo/repo#42\n")


def test_a_run_that_was_asked_to_stop_says_so(console: Console) -> None:
    run = at_work(console.data_dir)
    run.store.request_cancel(run.job.id)
    assert paragraph(story(console), "Note") == "It has been asked to stop."


def test_of_many_parts_that_are_gone_only_some_are_named(console: Console) -> None:
    four_rounds(console.data_dir)
    shutil.rmtree(console.data_dir / "artifacts")
    text = story(console)
    assert text.count("no longer exists") == 3
    assert "more parts can't be read: see `jobs report`" in " ".join(text.split())


def test_identifiers_and_keys_are_left_to_the_verbose_form(console: Console) -> None:
    run = four_rounds(console.data_dir)
    text = story(console).partition("\nNext\n")[0]
    assert run.job.id not in text
    assert "propose_patch" not in text
    verbose = console.run("jobs", "show", job().id, "--verbose").stdout
    assert run.job.id in verbose
    assert "propose_patch" in verbose


@pytest.mark.parametrize("make", [opened_pull_request, four_rounds, failed, long_agent_run])
def test_no_line_is_longer_than_80_columns(
    console: Console, make: Callable[[Path], object]
) -> None:
    make(console.data_dir)
    assert max(len(line) for line in story(console).splitlines()) <= 80


def test_a_long_name_of_a_test_is_broken_after_its_file(console: Console) -> None:
    run = at_work(console.data_dir)
    name = f"tests.test_entries::test_{'x' * 60}"
    returned = SentBack(
        tree=f"{1:040x}",
        patch_key=run.facts.artifacts["patch"],
        regressions=1,
        failing=(name,),
        failing_count=1,
    )
    run.send_back("it fails", SentBackNote(candidates=(returned,)), seconds=1.0)
    lines = paragraph(story(console), "Round 1").splitlines()
    assert lines[-2:] == ["tests.test_entries::", f"test_{'x' * 60}"]


def test_hostile_text_has_no_effect(console: Console) -> None:
    opened_pull_request(console.data_dir, title="\x1b[2J[bold]Owned[/]\r\n\u202etfel " + "x" * 300)
    text = story(console)
    assert "[bold]Owned[/]" in text
    assert not any(character in text for character in "\x1b\r\u202e")
    assert max(len(line) for line in text.splitlines()) <= 80
