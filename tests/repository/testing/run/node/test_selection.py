"""Chosen test files are given to the commands that run them."""

import pytest

from repository.runners import Runner
from repository.testing.node_project import NodeCommand
from repository.testing.run.node.selection import select_files


def call(runner: Runner, *files: str) -> NodeCommand:
    return NodeCommand(runner=runner, program=(runner,), files=files)


GLOB = call("mocha", "'test/unit/**/*.{js,ts}'")
FOLDER = call("node:test", "./spec/")
INDEX = call("tap", "test/index.js")
FILTER = call("jest", "src")
ANY = call("vitest")


@pytest.mark.parametrize(
    ("commands", "tests", "selected"),
    [
        ([GLOB, FOLDER], [], [(GLOB, []), (FOLDER, [])]),
        ([GLOB, FOLDER], ["test/unit/a.ts"], [(GLOB, ["test/unit/a.ts"])]),
        (
            [GLOB, FOLDER],
            ["spec/a.js", "test/unit/x/b.js"],
            [
                (GLOB, ["test/unit/x/b.js"]),
                (FOLDER, ["spec/a.js"]),
            ],
        ),
        ([GLOB, ANY], ["other/a.js"], [(ANY, ["other/a.js"])]),
        ([INDEX], ["test/a.js"], [(INDEX, [])]),
        ([INDEX, call("tap", "test/b")], ["test/b.js"], [(call("tap", "test/b"), ["test/b.js"])]),
        ([FILTER, ANY], ["src/a.test.js"], [(FILTER, ["src/a.test.js"])]),
    ],
)
def test_a_test_is_run_by_the_command_that_names_it(
    commands: list[NodeCommand], tests: list[str], selected: list[tuple[NodeCommand, list[str]]]
) -> None:
    result = [(command, list(files)) for command, files in select_files(commands, tests)]
    assert result == selected
