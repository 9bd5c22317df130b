"""The rules for branches' names, against the real ``git check-ref-format``."""

import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repository.git import is_branch_name

_PARTS = ["a", "é", "/", ".", "..", "@", "{", "-", "~", "^", ":", "?", "*", "[", "\\", " ", "#"]
_PARTS += ["+", "HEAD", ".lock", "lock", "\t", "\x7f", "refs/heads/", "%", "$(x)", "`", "🐛"]


def git_accepts(name: str) -> bool:
    """Ask git, outside of any repository."""
    command = ["git", "check-ref-format", "--branch", name]
    return subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "feature/#12",
        "release/1.0+x",
        "größer/日本語",
        "@",
        "a@b",
        "1.x",
        "dependabot/npm_and_yarn/@types/node-12",
        "user's",
        "a,b;c&d",
        "foo./bar",
        "%2e",
    ],
)
def test_names_that_people_use_are_accepted(name: str) -> None:
    assert is_branch_name(name)
    assert git_accepts(name)


@example("a" * 300)
@example("-")
@example("refs/heads/HEAD")
@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(_PARTS), max_size=5).map("".join))
def test_the_rules_are_those_of_git(name: str) -> None:
    assert is_branch_name(name) == git_accepts(name)


def test_what_no_reference_can_hold_is_refused() -> None:
    assert not is_branch_name("a\0b")
    assert not is_branch_name("a\ud800")
