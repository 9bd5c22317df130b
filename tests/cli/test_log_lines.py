"""The log of ``coding-agent worker`` for people."""

import logging
import sys
from typing import Any

import click
import pytest

from cli.log_lines import WIDTH, choose_form, text_line
from pipeline.telemetry import LogLine, json_line

RUN = {"job_id": "4f1d7a52-0c3b-5d0c-9a38-0d7b6a3d2f11", "generation": 0, "trace": "ab" * 16}


def line(message: str, level: int = logging.INFO, **fields: Any) -> LogLine:
    return LogLine(1_800_000_031.5, level, "pipeline.worker.outbox", message, fields)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_line_shows_time_level_run_stage_and_message_in_columns():
    ended = line("ended: no_fix: nothing to do", **RUN)
    at = {"stage": "propose_patch", "round": 2, "kind": "note", "seconds": 0.0}
    asking = line("propose_patch note asking a model", **at, **RUN)
    finished = line("checkout finished ", stage="checkout", round=1, seconds=0.25, **RUN)
    assert [text_line(shown, use_color=False) for shown in (ended, asking, finished)] == [
        "08:00:31 info    4f1d7a52/0                  ended: no_fix: nothing to do",
        "08:00:31 info    4f1d7a52/0 propose_patch 2  asking a model",
        "08:00:31 info    4f1d7a52/0 checkout         finished seconds=0.2",
    ]


def test_a_line_fits_its_columns_unless_it_is_a_warning():
    long = "many words " * 20
    shown = text_line(line(long, round=1, **RUN), use_color=False)
    assert len(shown) == WIDTH
    assert shown.endswith("… round=1")
    warning = text_line(line(long, logging.WARNING, **RUN), use_color=False)
    assert long.strip() in warning


def test_a_line_of_no_run_says_so():
    shown = text_line(line("listening on 127.0.0.1:8080"), use_color=False)
    assert shown.split() == ["08:00:31", "info", "-", "listening", "on", "127.0.0.1:8080"]


def test_a_warning_names_its_module():
    shown = text_line(line("SNS is down", logging.WARNING), use_color=False)
    assert shown.endswith("SNS is down (pipeline.worker.outbox)")


def test_what_strangers_wrote_has_no_effect_on_the_terminal():
    hostile = "\x1b[2J\x9b1mreason\u202e\n08:00:31 info    a second line"
    shown = text_line(
        LogLine(0.0, logging.ERROR, "x", hostile, {"path": hostile}, traceback="E\n\x1b[2J"),
        use_color=False,
    )
    assert not any(character in shown for character in "\x1b\x9b\u202e")
    assert shown.count("\n") == 2, "only the traceback begins a line"


def test_color_marks_warnings_and_is_left_out_without_a_terminal_or_with_no_color(
    terminal: None, monkeypatch: pytest.MonkeyPatch
):
    warning = line("SNS is down", logging.WARNING)
    assert click.style("warning", fg="yellow") in choose_form("auto")(warning)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in choose_form("auto")(warning)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert "\x1b" not in choose_form("text")(warning)


def test_auto_is_json_unless_standard_error_is_a_terminal(monkeypatch: pytest.MonkeyPatch):
    assert choose_form("auto") is json_line
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert choose_form("auto") is not json_line
    assert choose_form("json") is json_line
