"""The examples in the help of each command, as a user reads them."""

from click.testing import CliRunner

from cli.main import main
from tests.cli.commands import each_group_or_command

_HEADINGS = ("Example:", "Examples:")


def every_name() -> list[str]:
    """Return the names of all commands and groups as they are typed; the first is empty."""
    return [name for name, _ in each_group_or_command()]


def examples_of(name: str) -> list[str]:
    """Return the lines below the heading of a command's examples, up to the next blank line."""
    lines = iter(_help_of(name).splitlines())
    for line in lines:
        if line.strip() in _HEADINGS:
            break
    examples: list[str] = []
    for line in lines:
        if not line.strip():
            break
        examples.append(line.strip())
    return examples


def every_example() -> list[str]:
    """Return the examples of all commands, each once."""
    lines: dict[str, None] = {}
    for name in every_name():
        lines.update(dict.fromkeys(examples_of(name)))
    return list(lines)


def _help_of(name: str) -> str:
    result = CliRunner().invoke(main, [*name.split(), "--help"], prog_name="coding-agent")
    assert result.exit_code == 0, result.output
    return result.stdout
