"""What a model says about its change: titles that can be used, summaries that stand alone."""

import pytest

from stages.propose_patch.description import (
    MAX_TITLE,
    find_title_fault,
    speaks_of_the_work,
    split_title,
    standing_alone,
)


@pytest.mark.parametrize(
    "title",
    [
        "Move an entry's end to the next day when it is before its start",
        "Fix the rounding of totals",
        "fix(core): keep the first item of `total()`",
        "Añade la última línea de los informes",
        "Update the documentation of `--json`",
    ],
)
def test_a_title_that_says_what_the_change_does_is_used(title: str) -> None:
    assert find_title_fault(title) is None


@pytest.mark.parametrize(
    ("title", "fault"),
    [
        ("Round totals\nto cents", "is not one line"),
        ("", "is not one line"),
        ("Round " + "totals " * 12, f"at most {MAX_TITLE}"),
        ("Fix", "does not say what the change does"),
        ("Fix issue", "does not say what the change does"),
        ("Fixes the bug", "does not say what the change does"),
        ("Resolve issue 42", "does not say what the change does"),
        ("Round totals, fixes #42", "refers to"),
        ("Round totals as @octocat said", "refers to"),
        ("See https://example.org/", "refers to"),
        ("Round [totals](x)", "has markup"),
        ("**Round** totals", "has markup"),
        ("Round <b>totals</b>", "has markup"),
        ("# Round the totals", "has markup"),
        ("Correct my first attempt at rounding", "speaks of the work"),
    ],
)
def test_what_is_wrong_with_a_title_is_named(title: str, fault: str) -> None:
    assert fault in (find_title_fault(title) or "")


def test_the_line_with_the_title_is_no_part_of_the_summary() -> None:
    prose = "Title: Round totals to cents\n\nTotals were not rounded."
    assert split_title(prose) == ("Round totals to cents", "Totals were not rounded.")
    assert split_title("**Title:** `x` is kept\nIt was lost.") == ("`x` is kept", "It was lost.")
    assert split_title("Totals were not rounded.") == ("", "Totals were not rounded.")


@pytest.mark.parametrize(
    "summary",
    [
        "The first try shifted the day of every entry.",
        "As requested above, totals are rounded.",
        "My previous patch broke the parser.",
        "This addresses the harness's complaint.",
    ],
)
def test_a_summary_that_speaks_of_the_work_is_recognized(summary: str) -> None:
    assert speaks_of_the_work(summary)
    assert standing_alone(f"Totals were not rounded. {summary} They are now.") == (
        "Totals were not rounded. They are now."
    )


def test_a_summary_that_stands_alone_is_unchanged() -> None:
    summary = "The parser read the first  line only.\n\nIt reads all lines of a version now."
    assert not speaks_of_the_work(summary)
    assert standing_alone(summary) == summary


def test_a_summary_of_which_nothing_would_remain_is_kept() -> None:
    summary = "The second attempt rounds totals."
    assert standing_alone(summary) == summary
