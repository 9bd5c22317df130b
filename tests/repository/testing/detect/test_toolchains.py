"""Languages other than Python."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repository.testing.detect.detection import detect
from tests.repository.testing.detect.trees import CASE, tree_of

PACKAGE = '{"scripts": {"test": "%s"}, "devDependencies": {%s}}'


@pytest.mark.parametrize(
    ("files", "runner", "first_step"),
    [
        (
            {
                "package.json": PACKAGE % ("jest", '"jest": "1"'),
                "a.test.js": "it('x')",
                "yarn.lock": "",
            },
            "jest",
            "yarn",
        ),
        (
            {"package.json": PACKAGE % ("run-s unit", '"vitest": "1"'), "a.spec.ts": "it('x')"},
            "vitest",
            "npm install",
        ),
        (
            {
                "package.json": PACKAGE % ("mocha", '"mocha": "1"'),
                "test/a.js": "it('x')",
                "package-lock.json": "",
            },
            "mocha",
            "npm ci",
        ),
        (
            {"package.json": PACKAGE % ("node --test", ""), "test/a.mjs": "test('x')"},
            "node:test",
            None,
        ),
        (
            {"package.json": PACKAGE % ("karma", '"karma": "1"'), "test/a.js": "it('x')"},
            None,
            "npm",
        ),
        ({"package.json": "[", "test/a.js": "test('x')"}, None, None),
        (
            {"go.mod": "module x\n", "a_test.go": "func TestA(t *testing.T) {}"},
            "go",
            "go mod download",
        ),
        ({"Cargo.toml": "[package]\n", "src/lib.rs": "#[test]\nfn a() {}"}, "cargo", "cargo fetch"),
        ({"pom.xml": "", "src/test/java/ATest.java": "@Test"}, "maven", "mvn"),
        ({"build.gradle": "", "src/test/java/ATest.java": "@Test"}, "gradle", "gradle"),
    ],
)
def test_file_at_the_root_reveals_an_ecosystem(
    files: dict[str, str], runner: str | None, first_step: str | None
) -> None:
    detection = detect(tree_of(files))
    toolchain = detection.draft.toolchain
    assert toolchain is not None
    assert detection.draft.runners == ((runner,) if runner else ())
    assert detection.reason
    commands = [step.command for step in toolchain.steps]
    if first_step is None:
        assert not commands
    else:
        assert first_step in commands[0]


def test_language_with_the_most_test_files_is_chosen() -> None:
    files = {
        "package.json": PACKAGE % ("node --test", ""),
        "test_tool.py": CASE,
        "test/a.js": "test('x')",
    }
    assert detect(tree_of(files)).draft.runners[0] == "unittest"
    files["test/b.js"] = "test('x')"
    assert detect(tree_of(files)).draft.runners == ("node:test",)


GO_TEST = "func TestA(t *testing.T) {}"
RUST_TEST = "#[test]\nfn a() {}"
PACKAGE_TOML = "[package]\nname = 'a'\n"


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        (
            {
                "go.work": "use (\n./lib\n)",
                "lib/go.mod": "",
                "lib/a_test.go": GO_TEST,
                "svc/go.mod": "",
                "svc/x/a_test.go": GO_TEST,
                "empty/go.mod": "",
                "vendor/x/go.mod": "",
                "vendor/x/a_test.go": GO_TEST,
            },
            ("lib", "svc"),
        ),
        (
            {
                "go.mod": "",
                "a/a_test.go": GO_TEST,
                "tools/go.mod": "",
                "tools/b_test.go": GO_TEST,
            },
            ("", "tools"),
        ),
        (
            {
                "Cargo.toml": "[workspace]\nmembers = ['crates/*']\nexclude = ['fuzz']\n",
                "crates/a/Cargo.toml": PACKAGE_TOML + "dependencies.b.path = '../../b'",
                "crates/a/src/lib.rs": RUST_TEST,
                "b/Cargo.toml": PACKAGE_TOML,
                "b/src/lib.rs": RUST_TEST,
                "fuzz/Cargo.toml": PACKAGE_TOML,
                "fuzz/src/lib.rs": RUST_TEST,
                "refused/Cargo.toml": PACKAGE_TOML,
                "refused/src/lib.rs": RUST_TEST,
            },
            ("", "fuzz"),
        ),
        (
            {
                "rust/a/Cargo.toml": PACKAGE_TOML,
                "rust/a/tests/a.rs": RUST_TEST,
                "rust/b/Cargo.toml": "not toml",
                "rust/b/tests/a.rs": RUST_TEST,
            },
            ("rust/a", "rust/b"),
        ),
        (
            {
                "server/pom.xml": "",
                "server/core/pom.xml": "",
                "server/core/src/test/java/ATest.java": "@Test",
            },
            ("server",),
        ),
    ],
)
def test_each_module_or_workspace_is_a_project(
    files: dict[str, str], folders: tuple[str, ...]
) -> None:
    toolchain = detect(tree_of(files)).draft.toolchain
    assert toolchain is not None
    assert toolchain.folders == folders
    assert {step.folder for step in toolchain.steps} == set(folders)
    assert next(iter(files)).rpartition("/")[0] in toolchain.reason


GRADLE_URL = "distributionUrl=https\\://services.test/distributions/gradle-8.5-bin.zip\n"


@pytest.mark.parametrize(
    ("files", "versions"),
    [
        (
            {
                "build.gradle": "",
                "gradle/wrapper/gradle-wrapper.properties": f"zipStoreBase=x\n{GRADLE_URL}",
            },
            {"gradle": "8.5"},
        ),
        (
            {
                "app/pom.xml": "",
                "app/.mvn/wrapper/maven-wrapper.properties": "distributionUrl=https://repo.test/"
                "apache-maven/3.9.6/apache-maven-3.9.6-bin.zip",
            },
            {"mvn": "3.9.6"},
        ),
        (
            {"Cargo.toml": "", "rust-toolchain.toml": "[toolchain]\nchannel = '1.70'"},
            {"cargo": "1.70"},
        ),
        (
            {"Cargo.toml": "", "rust-toolchain": "nightly-2024-01-01\n"},
            {"cargo": "nightly-2024-01-01"},
        ),
        ({"Cargo.toml": "", "rust-toolchain": "../x"}, {}),
        ({"go.mod": ""}, {}),
    ],
)
def test_the_versions_of_wrappers_and_toolchain_files_are_asked_for(
    files: dict[str, str], versions: dict[str, str]
) -> None:
    toolchain = detect(tree_of(files)).draft.toolchain
    assert toolchain is not None
    assert toolchain.tool_versions == versions


def test_a_repository_without_tests_is_set_up_for_those_of_a_change() -> None:
    detection = detect(tree_of({"Cargo.toml": PACKAGE_TOML, "src/lib.rs": "pub fn a() {}"}))
    assert detection.draft.runners == ("cargo",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from(["scripts", "dependencies", "devDependencies"]), JSON))
def test_no_package_json_breaks_detection(package: dict[str, object]) -> None:
    files = {"package.json": json.dumps(package), "a.test.js": "test('x')"}
    assert detect(tree_of(files)).draft.toolchain is not None


@pytest.mark.parametrize("number", [12, 13])
def test_a_suite_is_not_whole_if_projects_with_tests_are_left_out(number: int) -> None:
    go: dict[str, str] = {}
    node: dict[str, str] = {}
    for index in range(number):
        go[f"m{index}/go.mod"] = "module x\n"
        go[f"m{index}/a_test.go"] = "func TestA(t *testing.T) {}"
        node[f"p{index}/package.json"] = PACKAGE % ("node --test", "")
        node[f"p{index}/test/a.js"] = "test('x')"
    for files in (go, node):
        draft = detect(tree_of(files)).draft
        assert draft.toolchain is not None
        assert len(draft.toolchain.folders) == 12
        assert draft.layout.whole == (number == 12)


def test_configured_folders_are_the_projects_to_test() -> None:
    for files in (
        {
            "a/go.mod": "module a",
            "a/a_test.go": "func TestA(",
            "b/go.mod": "module b",
            "b/b_test.go": "func TestB(",
        },
        {
            "a/package.json": PACKAGE % ("mocha", '"mocha": "1"'),
            "a/test/a.js": "it()",
            "b/package.json": PACKAGE % ("mocha", '"mocha": "1"'),
            "b/test/b.js": "it()",
        },
    ):
        detection = detect(tree_of({**files, ".coding-agent.toml": '[tests]\nfolders = ["b"]\n'}))
        toolchain = detection.draft.toolchain
        assert toolchain is not None
        assert toolchain.folders == ("b",)
        assert all(path.startswith("b/") for path in detection.tests.paths)
        assert not detection.draft.layout.whole


@pytest.mark.parametrize(
    ("runner", "folder"),
    [("jest", "web"), ("mocha", "web"), ("pytest", None), ("go", "m"), ("cargo", None)],
)
def test_a_configured_runner_decides_the_language(runner: str, folder: str | None) -> None:
    files = {
        "test_a.py": "def test_a(): ...",
        "test_b.py": "def test_b(): ...",
        "web/package.json": PACKAGE % ("jest", '"jest": "1"'),
        "web/a.test.js": "it()",
        "m/go.mod": "module x",
        "m/a_test.go": "func TestA(",
        ".coding-agent.toml": f"[tests]\nrunner = '{runner}'\n",
    }
    detection = detect(tree_of(files))
    toolchain = detection.draft.toolchain
    assert (toolchain.folders if toolchain else None) == ((folder,) if folder else None)
    if runner == "cargo":
        assert detection.draft.runners == ()
        assert "names the runner cargo" in detection.reason
    else:
        assert detection.draft.runners == (runner,)
