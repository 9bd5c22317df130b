"""Patterns of the test files that a script names."""

import json

import pytest

from repository.files import is_test_file
from repository.testing.detect.node.detect import detect_node
from repository.testing.detect.node.test_files import matches_only_tests
from tests.repository.testing.detect.trees import tree_of

TEST = "it('adds', () => {});\n"


@pytest.mark.parametrize(
    "script", ["node --test src/", "mocha --recursive src", "mocha 'src/*.js'"]
)
def test_sources_beside_their_tests_are_no_tests(script: str) -> None:
    package = json.dumps({"scripts": {"test": script}})
    tree = tree_of({"package.json": package, "src/a.js": "exports.a = 1;\n", "src/a.test.js": TEST})
    tests = detect_node(tree)
    assert tests is not None
    assert not is_test_file("src/a.js", tests.patterns)
    assert is_test_file("src/a.test.js", tests.patterns)


def test_a_folder_that_a_script_names_has_tests_of_any_name() -> None:
    package = '{"scripts": {"test": "mocha checks"}}'
    tree = tree_of({"package.json": package, "checks/a.js": TEST, "checks/data.js": "1;\n"})
    tests = detect_node(tree)
    assert tests is not None
    assert is_test_file("checks/a.js", tests.patterns)


def test_many_blank_lines_take_no_long_time() -> None:
    assert not matches_only_tests(tree_of({"checks/a.js": "\n" * 300_000}), "checks/*.js")
