"""The languages that runners are for."""

import pytest

from repository.runners import Runner
from repository.testing.ecosystems import language_of_runner


@pytest.mark.parametrize(
    ("runner", "language"),
    [
        ("unittest", "Python"),
        ("node:test", "JavaScript"),
        ("go", "Go"),
        ("cargo", "Rust"),
        ("gradle", "Java"),
        ("command", None),
        (None, None),
    ],
)
def test_a_runner_is_for_one_language_but_a_command_may_be_for_any(
    runner: Runner | None, language: str | None
) -> None:
    assert language_of_runner(runner) == language
