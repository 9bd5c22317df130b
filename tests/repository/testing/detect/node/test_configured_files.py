"""Patterns of test files in the configuration of JavaScript's runners."""

import pytest

from repository.testing.detect.node.configured_files import configured_patterns
from tests.repository.testing.detect.trees import tree_of

TEST = "it('adds', () => {});\n"
SOURCE = "// It adds what it is given.\nexport const add = (a, b) => a + b;\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("vitest.config.js", "export default { test: { include: ['checks/**/*.js'] } };\n"),
        ("jest.config.ts", "const config = { testMatch: ['<rootDir>/checks/**/*.[jt]s'] };\n"),
        ("package.json", '{"jest": {"testMatch": ["<rootDir>/checks/**/*.js"]}}'),
        (".mocharc.json", '{"spec": "checks/*.js"}'),
        (".mocharc.yml", "spec: './checks/*.js'\n"),
    ],
)
def test_patterns_of_a_runners_configuration_are_those_of_test_files(path: str, text: str) -> None:
    tree = tree_of({path: text, "checks/add.js": TEST, "src/add.js": SOURCE})
    assert "checks/*.js" in configured_patterns(tree, [""])


def test_what_matches_other_files_is_no_pattern_of_tests() -> None:
    config = "export default { test: { coverage: { include: ['src/**/*.js'] } } };\n"
    tree = tree_of({"vitest.config.js": config, "src/add.js": SOURCE, "src/add.test.js": TEST})
    assert configured_patterns(tree, [""]) == ()


@pytest.mark.parametrize(
    "source",
    [
        "module.exports = (text) => /^[a-z]/.test(text);\n",
        "class Rule {\n  test(value) { return value > 1; }\n}\n",
        "export function test(value) { return value; }\n",
    ],
)
def test_a_source_that_calls_something_test_is_not_a_test(source: str) -> None:
    config = "export default { test: { coverage: { include: ['lib/**/*.js'] } } };\n"
    tree = tree_of({"vitest.config.js": config, "lib/is.js": source})
    assert configured_patterns(tree, [""]) == ()


def test_the_files_that_npm_publishes_are_no_tests() -> None:
    tree = tree_of({"package.json": '{"files": ["lib"]}', "lib/runner.js": TEST})
    assert configured_patterns(tree, [""]) == ()


def test_only_the_tested_packages_configurations_count() -> None:
    tree = tree_of({"examples/jest.config.js": "testMatch: ['checks/*.js']", "checks/a.js": TEST})
    assert configured_patterns(tree, [""]) == ()
