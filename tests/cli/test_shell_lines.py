"""Shell lines with ``coding-agent`` in them, as the tests of the help run them."""

import json

import pytest

from cli import exits
from tests.cli.console import Console
from tests.cli.shell_lines import ShellLine


@pytest.fixture
def shell(console: Console) -> ShellLine:
    return ShellLine(console, {})


def test_our_exit_code_is_that_of_the_line(shell: ShellLine) -> None:
    assert shell.run("coding-agent schema job").code == exits.OK
    assert shell.run("coding-agent schema job --nonsense | cat").code == exits.USAGE


def test_pipes_and_files_are_connected(shell: ShellLine) -> None:
    (shell.console.folder / "in.txt").write_text("a\nb\n")
    shell.run("coding-agent schema job > out.json   # a comment")
    assert json.loads((shell.console.folder / "out.json").read_text())["type"] == "object"
    counted = shell.run("coding-agent schema job | head -n 1 | wc -l")
    assert counted.stdout.split() == [b"1"]
    with pytest.raises(AssertionError):
        shell.run("wc -l < in.txt")


def test_another_program_that_fails_fails_the_line(shell: ShellLine) -> None:
    with pytest.raises(AssertionError):
        shell.run("coding-agent schema job | grep nothing-like-that")


def test_the_output_of_a_command_can_be_a_word(shell: ShellLine) -> None:
    words: list[list[str]] = []
    watching = ShellLine(shell.console, {"open": words.append})
    watching.run('open "$(coding-agent --version)"')
    assert words[0][0].startswith("coding-agent, version ")
