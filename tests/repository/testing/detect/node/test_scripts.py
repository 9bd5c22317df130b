"""npm scripts are followed to the test runners that they call."""

import json

import pytest

from repository.runners import Runner
from repository.testing.detect.detection import detect
from repository.testing.detect.node.detect import detect_node
from repository.testing.node_project import NodeCommand
from repository.testing.run.node.commands import command_line
from tests.repository.testing.detect.trees import tree_of


def package(scripts: dict[str, str], **fields: object) -> str:
    return json.dumps({"name": "a", "scripts": scripts, **fields})


@pytest.mark.parametrize(
    ("script", "called"),
    [
        ("mocha --ui tdd --require ./test/setup.cjs", "mocha --ui tdd --require ./test/setup.cjs"),
        ("mocha -R dot --bail -t 100 'test/**/*.js'", "mocha 'test/**/*.js'"),
        ("mocha --reporter=dot -r ts-node/register test", "mocha -r ts-node/register test"),
        ("NODE_ENV=test mocha", "NODE_ENV=test mocha"),
        ("cross-env A=b nyc --reporter=lcov mocha a", "cross-env A=b nyc --reporter=lcov mocha a"),
        ("eslint . && tsc --noEmit && jest --watch --coverage", "jest"),
        ("jest src 2> log | cat || exit 0", "jest src"),
        ("react-scripts test --env=jsdom", "react-scripts test --env=jsdom"),
        (
            "node --experimental-vm-modules node_modules/jest/bin/jest.js -b",
            "node --experimental-vm-modules node_modules/jest/bin/jest.js",
        ),
        ("node --expose-gc ./node_modules/vitest/dist/cli-wrapper.js --run", None),
        ("vitest run --typecheck --reporter verbose", "vitest"),
        ("vitest --run && vitest --typecheck.only", "vitest"),
        ("node --import tsx --test --test-reporter=dot t/*.ts", "node --import tsx t/*.ts"),
        ("tsx --test t/a.ts", "tsx t/a.ts"),
        ("c8 --100 node --test", "c8 --100 node"),
        ("npx mocha test", "npx mocha test"),
        ("mocha --ui tdd -- -x y#z", "mocha --ui tdd -x y#z"),
        ("mocha test # && jest", "mocha test"),
        ("# all of them\nmocha test", "mocha test"),
        ("standard && tape 'test/**/*.js' | tap-spec", "tape 'test/**/*.js'"),
        ("xo && ava --verbose", "ava --tap"),
        ("uvu -r tsm tests", "node -r tsm tests"),
        ("tap --no-coverage test/*.js", "node test/*.js"),
        ("jasmine --reporter=x.js", "jasmine"),
        ("node --conditions dev test.js", "node --conditions dev test.js"),
        ("npm run unit", "mocha unit"),
        ("npm run unit -- --bar", "mocha --bar unit"),
        ("yarn unit --bar", "mocha --bar unit"),
        ("pnpm run unit", "mocha unit"),
        ("pnpm exec mocha x", "mocha x"),
        ("yarn mocha x", "mocha x"),
        ("c8 -- npm run unit", "mocha unit"),
        ("cross-env A=b npm run unit", "A=b mocha unit"),
        ("run-s lint unit", "mocha unit"),
        ('concurrently "npm:lint" "npm run unit"', "mocha unit"),
        ("npm-run-all un*", "mocha unit"),
    ],
)
def test_the_scripts_own_command_is_called(script: str, called: str | None) -> None:
    scripts = {"test": script, "lint": "eslint .", "unit": "mocha unit"}
    tests = detect_node(tree_of({"package.json": package(scripts), "test/a.js": "test()"}))
    assert tests is not None
    (project,) = tests.projects
    (command,) = project.commands
    words = [*command.program, *command.options, *command.files]
    assert " ".join(words) == (called or script.replace(" --run", ""))
    assert project.preparation == ()
    assert tests.reason.startswith("package.json: script 'test' calls")


def test_what_a_script_builds_before_its_tests_is_built() -> None:
    scripts = {
        "pretest": "npm run clean && npm run build",
        "build": "tsc -p . > log",
        "clean": "rimraf dist",
        "test": "prettier -c . && mocha dist/a && node gen.js && mocha dist/b && cp x y",
    }
    tests = detect_node(tree_of({"package.json": package(scripts), "test/a.ts": "test()"}))
    assert tests is not None
    (project,) = tests.projects
    assert project.preparation == ("rimraf dist", "tsc -p . > log", "node gen.js")
    assert [command.files for command in project.commands] == [("dist/a",), ("dist/b",)]
    assert not tests.steps[-1].network


@pytest.mark.parametrize(
    ("root", "more"),
    [
        ({"scripts": {"test": "npm test --workspaces"}, "workspaces": ["packages/*"]}, {}),
        ({"scripts": {"test": "npm run test -ws --if-present"}, "workspaces": ["packages/**"]}, {}),
        (
            {"scripts": {"test": "pnpm -r test"}},
            {"pnpm-workspace.yaml": "packages:\n  - packages/*"},
        ),
        (
            {"scripts": {"test": "pnpm --filter './packages/**' test"}},
            {"pnpm-workspace.yaml": "packages:\n- 'packages/*' # all\nother: 1\n"},
        ),
        ({"scripts": {"test": "lerna run test"}}, {"lerna.json": '{"packages": ["packages/*"]}'}),
        (
            {"scripts": {"test": "turbo run test"}, "workspaces": {"packages": ["./packages/*/"]}},
            {},
        ),
        (
            {
                "scripts": {"test": "yarn workspaces foreach -Ap run test"},
                "workspaces": ["packages/*"],
            },
            {},
        ),
        ({"scripts": {"test": "nx run-many --target=test"}, "workspaces": ["packages/*"]}, {}),
        ({"scripts": {"test": "some-tool"}, "workspaces": ["packages/*"]}, {}),
        ({"workspaces": ["packages/*", "!packages/c"]}, {}),
        (
            {
                "scripts": {"test": "wireit"},
                "workspaces": ["packages/*"],
                "wireit": {"test": {"command": "npm test -ws"}},
            },
            {},
        ),
    ],
)
def test_a_workspaces_packages_are_tested_by_their_own_scripts(
    root: dict[str, object], more: dict[str, str]
) -> None:
    files = {
        "package.json": json.dumps(root),
        "packages/a/package.json": package({"test": "mocha"}, dependencies={"b": "*"}),
        "packages/a/test/a.js": "it()",
        "packages/b/package.json": package({"test": "jest --silent"}),
        "packages/b/b.test.ts": "it()",
        "packages/none/package.json": package({}),
        **more,
    }
    tests = detect_node(tree_of(files))
    assert tests is not None
    assert tests.folders == ("packages/a", "packages/b")
    commands = {project.folder: project.commands[0].runner for project in tests.projects}
    assert commands == {"packages/a": "mocha", "packages/b": "jest"}
    (step,) = tests.steps
    assert (step.folder, step.network) == ("", True)


def test_packages_below_a_root_without_one_are_installed_one_by_one() -> None:
    files = {
        "web/package.json": package({"test": "vitest"}, devDependencies={"vitest": "1"}),
        "web/a.test.ts": "it()",
        "api/package.json": package({"test": "node --test"}),
        "api/test/a.js": "it()",
        "examples/x/package.json": package({"test": "jest"}),
    }
    tests = detect_node(tree_of(files))
    assert tests is not None
    assert tests.folders == ("api", "web")
    assert [step.folder for step in tests.steps] == ["web"]


def test_a_package_whose_output_is_not_tracked_is_built_before_its_dependents() -> None:
    def member(name: str, main: str, *dependencies: str) -> str:
        scripts = {"build": "eslint . && tsc", "test": "jest"}
        return package(scripts, main=main, dependencies=dict.fromkeys(dependencies, "*")).replace(
            '"name": "a"', f'"name": "{name}"'
        )

    files = {
        "package.json": json.dumps({"workspaces": ["p/*"]}),
        "p/app/package.json": member("app", "index.js", "lib"),
        "p/app/index.js": "",
        "p/app/a.test.js": "it()",
        "p/lib/package.json": member("lib", "dist/index.js", "core"),
        "p/core/package.json": member("core", "./dist/index.js", "lib"),
        "p/other/package.json": member("other", "dist/index.js"),
    }
    tests = detect_node(tree_of(files))
    assert tests is not None
    assert [project.folder for project in tests.projects] == ["p/core", "p/lib", "p/app"]
    assert tests.projects[0].preparation == ("tsc",)
    assert [project.uses for project in tests.projects] == [("p/lib",), ("p/core",), ()]
    assert tests.projects[0].commands == ()
    assert tests.folders == ("p/app",)


@pytest.mark.parametrize(
    ("text", "built"),
    [
        ("import x from '../dist/a.js'; test()", True),
        ('const x = require("a/sub"); test()', True),
        ("import x from '../source/dist.js'; test()", False),
    ],
)
def test_a_tested_package_is_built_if_its_tests_import_what_is_built(
    text: str, built: bool
) -> None:
    scripts = {"test": "mocha", "build": "tsc"}
    files = {"package.json": package(scripts, main="dist/a.js"), "test/a.js": text}
    tests = detect_node(tree_of(files))
    assert tests is not None
    assert [project.preparation for project in tests.projects] == [("tsc",), ()][not built :]


def test_files_that_a_script_names_are_tests() -> None:
    scripts = {"test": "mocha lib/**/*.check.js suite && node --test one.js"}
    files = {
        "package.json": package(scripts),
        "lib/a/b.check.js": "it()",
        "suite/c.js": "it()",
        "one.js": "test()",
        "lib/two.js": "test()",
    }
    tests = detect_node(tree_of(files))
    assert tests is not None
    assert sorted(tests.texts) == ["lib/a/b.check.js", "one.js", "suite/c.js"]


def test_the_first_test_of_a_package_is_run_by_node() -> None:
    scripts = {"test": 'echo "Error: no test specified" && exit 1'}
    tests = detect_node(tree_of({"package.json": package(scripts, dependencies={"x": "1"})}))
    assert tests is not None
    assert (tests.runner, len(tests.steps)) == ("node:test", 1)


def test_chosen_files_replace_those_of_the_command() -> None:
    scripts = {"test": "jest src --env=node && mocha lib"}
    tests = detect_node(tree_of({"package.json": package(scripts), "a.test.js": "it()"}))
    assert tests is not None
    jest, mocha = tests.projects[0].commands
    assert command_line(jest, ["a b.test.js"]).startswith(
        "jest 'a b.test.js' --env=node --bail=0 --testTimeout=$EACH_MS --runTestsByPath"
    )
    assert command_line(jest, [], old_runner=True).startswith("jest src --env=node --reporters=")
    assert command_line(mocha, ["x.js"]).endswith(" x.js")


@pytest.mark.parametrize(
    ("runner", "named"),
    [
        ("jest", "jest '\\[id\\]\\.test\\.js' "),
        ("vitest", "vitest run '[id].test.js' "),
        ("mocha", " '[id].test.js'"),
        ("jasmine", " '[[]id].test.js'"),
    ],
)
def test_a_file_whose_name_looks_like_a_pattern_is_named_literally(
    runner: Runner, named: str
) -> None:
    command = NodeCommand(runner=runner, program=(runner,))
    assert named in command_line(command, ["[id].test.js"], old_runner=True)


@pytest.mark.parametrize(
    ("script", "called"),
    [("jest && mocha x", "mocha x"), ("jest", "mocha"), ("some-tool", "mocha")],
)
def test_the_configured_runner_is_called(script: str, called: str) -> None:
    files = {
        "package.json": package({"test": script}),
        "test/a.js": "it()",
        ".coding-agent.toml": '[tests]\nrunner = "mocha"\n',
    }
    draft = detect(tree_of(files)).draft
    assert draft.runners == ("mocha",)
    assert draft.toolchain is not None
    (project,) = draft.toolchain.node_projects
    (command,) = project.commands
    assert " ".join([*command.program, *command.files]) == called
