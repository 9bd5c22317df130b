"""Subjects in the words of a repository: what its newest ones show."""

import pytest

from stages.open_pr.convention import CommitSubject, Convention, find_convention, word_subject

CONVENTIONAL = [
    "fix(parser): keep the last line (#412)",
    "feat: read versions from tags (#410)",
    "docs: explain the cache",
    "chore(deps): bump requests from 2.31 to 2.32",
    "refactor(core)!: drop Python 3.8",
    "test: cover empty files",
    "fix: don't lose the first item",
]
GO = [
    "net/http: limit the size of trailers",
    "cmd/go: fix the module cache on Windows",
    "runtime: avoid a lock while sweeping",
    "all: fix typos",
    "net/http: close idle connections",
    "crypto/tls: reject empty names",
]
AREAS = [
    "[Form] Fix the default of choices",
    "[Cache] Keep tags of expired items",
    "[Console] Draw tables with long words",
    "[Form] Remove a deprecated option",
    "[Mailer] Add a transport",
]
CPYTHON = [
    "gh-118761: Improve import time of pprint (#122725)",
    "gh-121798: Add class method Decimal.from_number() (GH-121801)",
    "gh-120754: Reduce system calls in full-file readall case",
    "gh-122873: Allow to launch test classes",
    "gh-122560: Add docs that cpp APIs should be conditional",
]
PLAIN = [
    "Fix the width of tables.",
    "Keep the last line of a report.",
    "Merge pull request #4 from octo/x",
    "Explain the cache in the manual.",
    "Remove the old parser.",
    "Round totals to cents.",
]
MIXED = ["fix: a thing", "Add more", "wip", "[x] y", "Some other words.", "#12 try this"]


def worded(history: list[str], title: str, *paths: str) -> str:
    subject = word_subject(title, find_convention(history), paths=paths, number=42)
    return subject.prefix + subject.text


@pytest.mark.parametrize(
    ("history", "title", "paths", "expected"),
    [
        (CONVENTIONAL, "Keep the first item", ["a.py"], "fix: keep the first item"),
        (CONVENTIONAL, "fix(parser): keep it", ["a.py"], "fix(parser): keep it"),
        (CONVENTIONAL, "fix(other): keep it", ["a.py"], "fix: keep it"),
        (CONVENTIONAL, "feat!: read more tags", ["a.py"], "feat: read more tags"),
        (CONVENTIONAL, "perf: read less", ["a.py"], "fix: read less"),
        (CONVENTIONAL, "JSON is read", ["a.py"], "fix: JSON is read"),
        (GO, "Close the body", ["src/net/http/client.go"], "net/http: close the body"),
        (GO, "Close the body", ["src/os/file.go"], "close the body"),
        (AREAS, "keep the label", ["src/Form/ChoiceType.php"], "[Form] Keep the label"),
        (AREAS, "keep the label", ["src/Other/X.php"], "Keep the label"),
        (CPYTHON, "keep the first item", ["Lib/x.py"], "gh-42: Keep the first item"),
        (PLAIN, "keep the first item", ["a.py"], "Keep the first item."),
        (MIXED, "keep the first item", ["a.py"], "keep the first item"),
        ([], "fix: keep the first item", ["a.py"], "keep the first item"),
    ],
)
def test_a_title_follows_the_repository(
    history: list[str], title: str, paths: list[str], expected: str
) -> None:
    assert worded(history, title, *paths) == expected


def test_too_few_subjects_show_no_convention() -> None:
    assert find_convention(CONVENTIONAL[:3]) == Convention()


def test_a_name_in_code_keeps_its_first_letter() -> None:
    assert worded(PLAIN, "parse_all() keeps the last line", "a.py").startswith("parse_all() ")
    assert worded(CONVENTIONAL, "PyPI names are read", "a.py") == "fix: PyPI names are read"


def test_an_issue_without_a_number_has_no_reference() -> None:
    subject = word_subject("Keep it", find_convention(CPYTHON), paths=["x.py"], number=None)
    assert subject == CommitSubject("", "Keep it")


def test_a_directory_named_like_a_directive_gives_no_directive() -> None:
    history = ["[release] Make it"] * 6
    assert worded(history, "Make it", "release/make.py") == "Make it"


def test_a_repository_with_a_fix_area_uses_it() -> None:
    history = ["[FIX] sale: keep it", "[IMP] stock: show it", "[FIX] web: draw it"] * 2
    assert worded(history, "Keep the first item", "addons/sale/x.py") == "[FIX] keep the first item"
