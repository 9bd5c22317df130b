"""The progress of a run as ``fix`` prints it."""

import io

import pytest
from rich.console import Console as RichConsole
from rich.text import Text

from cli.progress import Printer, StageLine
from cli.times import clock_time
from pipeline.engine.deps import Progress, ProgressKind
from tests.stand_ins.runs import Clock


def progress(kind: ProgressKind, detail: str = "") -> Progress:
    return Progress(kind, "job", 0, round=2, stage="run_tests", detail=detail)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0:00"), (67, "1:07"), (3600, "1:00:00"), (3723.5, "1:02:03")]
)
def test_a_duration_is_written_as_on_a_stopwatch(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


def test_the_line_beside_the_spinner_has_the_elapsed_time_and_the_status() -> None:
    clock = Clock()
    line = StageLine("run_tests round 2", 60.0, clock)
    clock.now += 23
    line.status = "132 tests finished"
    output = io.StringIO()
    RichConsole(file=output).print(line)
    assert output.getvalue() == "run_tests round 2 1:23 132 tests finished\n"


def test_on_a_terminal_a_note_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    Printer()(progress("note", "step 1: " + "x" * 120))
    shown = Text.from_ansi(capsys.readouterr().err).plain.splitlines()
    assert [len(line) for line in shown] == [80]
    monkeypatch.delenv("FORCE_COLOR")
    Printer()(progress("note", "step 1: " + "x" * 120))
    assert "x" * 120 in capsys.readouterr().err


def test_an_empty_status_removes_the_one_before() -> None:
    line = StageLine("run_tests round 2", 60.0, Clock())
    line.status = ""
    output = io.StringIO()
    RichConsole(file=output).print(line)
    assert output.getvalue() == "run_tests round 2 1:00\n"


def test_a_status_is_not_printed_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer()
    printer(progress("started"))
    printer(progress("status", "132 tests finished"))
    printer(progress("note", "testing candidate 1"))
    printer(progress("finished"))
    printed = capsys.readouterr().err
    assert "132" not in printed
    assert "testing candidate 1" in printed
