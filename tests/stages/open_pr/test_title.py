"""The model's title if it can be used; else one that is made of the issue's."""

import pytest

from stages.open_pr.convention import Convention
from stages.open_pr.title import choose_title
from stages.propose_patch.description import MAX_TITLE


def title(proposed: str, issue: str, convention: Convention = Convention()) -> str:
    subject = choose_title(proposed, issue, convention, paths=["a.py"], number=42)
    return subject.prefix + subject.text


def test_the_models_title_is_used_if_it_says_what_the_change_does() -> None:
    assert title("Keep the first item of a total", "total() is wrong") == (
        "Keep the first item of a total"
    )


@pytest.mark.parametrize("proposed", ["", "Fix issue", "Fixes #42", "My first attempt at totals"])
def test_else_the_issues_title_is_what_is_fixed(proposed: str) -> None:
    assert title(proposed, "total() is wrong") == "Fix: total() is wrong"


@pytest.mark.parametrize(
    ("issue", "expected"),
    [
        ("[Bug] total() is wrong", "Fix: total() is wrong"),
        ("Bug: total() is wrong", "Fix: total() is wrong"),
        ("Fix the total", "Fix the total"),
        ("feat!: total() is wrong", "Fix: total() is wrong"),
        ("total() is wrong, see #7", "Fix: total() is wrong"),
        ("total() is wrong (fixes #7)", "Fix: total() is wrong"),
        ("#7", "Fix: the issue"),
    ],
)
def test_a_title_of_an_issue_neither_closes_nor_announces_anything(
    issue: str, expected: str
) -> None:
    assert title("", issue) == expected


def test_the_type_of_a_conventional_commit_does_not_count_to_the_length() -> None:
    conventional = Convention(form="conventional", known=frozenset({"fix"}))
    proposed = f"fix(core): {'k' * (MAX_TITLE - 6)} item"
    assert title(proposed, "x", conventional) == proposed.replace("(core)", "")


def test_a_long_title_of_an_issue_is_cut_at_a_word() -> None:
    cut = title("", "total " * 40)
    assert cut.endswith("total…")
    assert len(cut) <= MAX_TITLE + len("Fix: ")


def test_the_fix_of_an_issue_is_a_fix_whatever_its_title_says() -> None:
    conventional = Convention(form="conventional", known=frozenset({"feat", "fix"}))
    assert title("", "feat: total() is wrong", conventional) == "fix: total() is wrong"
