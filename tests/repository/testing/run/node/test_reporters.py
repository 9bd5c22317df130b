"""Our reporters for JavaScript's runners, run by Node."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from repository.runners import Runner
from repository.testing.models import Status
from repository.testing.node_preparation import build_script
from repository.testing.node_project import NodeCommand, NodeProject
from repository.testing.run.node.commands import test_script as script_of
from repository.testing.run.reports.node import read_node

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js")

CALC = """
const { test, describe, it } = require("node:test");
const assert = require("node:assert");
describe("calc", () => {
  it("adds", () => {});
  it("adds", () => assert.equal(1, 2));
  it.skip("later", () => {});
});
test("parent", async (t) => { await t.test("child", () => {}); });
"""
#: A stand-in for mocha: reports two tests as mocha's runner does, and exits with their number.
MOCHA = """\
#!/usr/bin/env node
if (process.argv.includes("--old") && process.argv.includes("--no-bail")) process.exit(1);
const path = process.argv[process.argv.indexOf("--reporter") + 1];
const runner = new (require("events"))();
require(path)(runner);
const suite = { title: "calc", file: process.cwd() + "/test/a.js" };
runner.emit("pass", { title: "adds", parent: suite });
runner.emit("fail", { title: "doubles", parent: suite }, new Error("want 4"));
if (process.argv.includes("--crash")) process.exit(0);
runner.emit("end");
process.exit(2);
"""


def run(tree: Path, projects: Sequence[NodeProject], tests: Sequence[str] = ()) -> tuple[int, Path]:
    report = tree.parent / "report"
    report.mkdir(exist_ok=True)
    node = Path(shutil.which("node") or "").parent
    environment = {
        "PATH": f"{node}:/usr/bin:/bin",
        "REPORT": str(report),
        "EACH_MS": "20000",
    }
    folder = projects[-1].folder
    line = ["/bin/sh", "-c", script_of(projects, folder, tests)]
    result = subprocess.run(
        line, cwd=tree / folder, env=environment, check=False, capture_output=True
    )
    return result.returncode, report / "node.jsonl"


def read(report: Path, tree: Path) -> tuple[dict[str, Status], dict[str, str]]:
    results = read_node(report.read_bytes(), f"{tree}/")
    return results.statuses, results.failures


def test_nodes_own_runner_is_reported_by_file_and_titles(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "test").mkdir(parents=True)
    (tree / "test/calc.test.js").write_text(CALC)
    (tree / "test/exits.test.js").write_text('require("node:test")("x", () => process.exit(3))')
    (tree / "test/broken.test.js").write_text("syntax error")
    (tree / "test/plain.test.js").write_text("require('node:assert').ok(1)")
    command = NodeCommand(runner="node:test", program=("node",), files=("'test/**/*.test.js'",))
    code, report = run(tree, [NodeProject(folder="", commands=(command,))])
    statuses, failures = read(report, tree)
    assert code == 1
    assert statuses == {
        "test/calc.test.js::calc > adds": "failed",
        "test/calc.test.js::calc > later": "skipped",
        "test/calc.test.js::parent > child": "passed",
        "test/calc.test.js::parent": "passed",
        "test/exits.test.js::(whole file)": "failed",
        "::test/exits.test.js": "error",
        "test/broken.test.js::(whole file)": "failed",
        "::test/broken.test.js": "error",
        "test/plain.test.js::(whole file)": "passed",
    }
    assert "1 == 2" in failures["test/calc.test.js::calc > adds"]


@pytest.mark.parametrize("pattern", ["'test/**/*.test.js'", "test/**/*.test.js"])
def test_a_pattern_that_the_shell_leaves_selects_files_at_any_depth(
    tmp_path: Path, pattern: str
) -> None:
    tree = tmp_path / "tree"
    (tree / "test").mkdir(parents=True)
    (tree / "test/a.test.js").write_text('require("node:test")("a", () => {})')
    (tree / "b.test.js").write_text('require("node:test")("b", () => {})')
    command = NodeCommand(runner="node:test", program=("node",), files=(pattern,))
    code, report = run(tree, [NodeProject(folder="", commands=(command,))])
    assert (code, read(report, tree)[0]) == (0, {"test/a.test.js::a": "passed"})


def test_a_pattern_that_selects_nothing_does_not_run_other_files(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "b.test.js").write_text('require("node:test")("b", () => {})')
    command = NodeCommand(runner="node:test", program=("node",), files=("'test/**/*.test.js'",))
    _, report = run(tree, [NodeProject(folder="", commands=(command,))])
    assert "passed" not in read(report, tree)[0].values()


def test_files_that_print_tap_or_nothing_are_run_one_by_one(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "test/fixtures").mkdir(parents=True)
    (tree / "test/fixtures/data.js").write_text("throw 1")
    (tree / "test/plain.js").write_text("require('assert').equal(1, 2)")
    (tree / "test/crashes.js").write_text("console.log('ok 1 - begins'); process.exit(3)")
    lines = ["# adds", "ok 1 one", "not ok 2 two", "# ok", "ok 3 x", "# td", "not ok 4 y # TODO"]
    (tree / "test/it's.js").write_text(f"console.log({chr(10).join(lines)!r}); process.exit(1)")
    command = NodeCommand(runner="tap", program=("node",), files=("'test/**/*.js'",))
    code, report = run(tree, [NodeProject(folder="", commands=(command,))])
    statuses, failures = read(report, tree)
    assert code == 1
    assert statuses == {
        "test/it's.js::adds": "failed",
        "test/it's.js::ok": "passed",
        "test/it's.js::td": "skipped",
        "test/crashes.js::begins": "passed",
        "::test/crashes.js": "error",
        "test/plain.js::(whole file)": "failed",
        "::test/plain.js": "error",
    }
    assert "1 == 2" in failures["test/plain.js::(whole file)"]


def test_a_runner_that_ends_early_is_an_error_and_its_exit_code_means_nothing(
    tmp_path: Path,
) -> None:
    tree = tmp_path / "tree"
    programs = tree / "p/node_modules/.bin"
    programs.mkdir(parents=True)
    (programs / "mocha").write_text(MOCHA)
    (programs / "mocha").chmod(0o755)
    results = {"p/test/a.js::calc > adds": "passed", "p/test/a.js::calc > doubles": "failed"}
    complete = NodeCommand(runner="mocha", program=("mocha",))
    old = NodeCommand(runner="mocha", program=("mocha",), options=("--old",))
    crash = NodeCommand(runner="mocha", program=("mocha",), options=("--crash",))
    silent = NodeCommand(runner="mocha", program=("true",))
    for commands in ([complete], [old], [complete, old], [crash], [complete, silent]):
        code, report = run(tree, [NodeProject(folder="p", commands=tuple(commands))])
        statuses, _ = read(report, tree)
        early = {"::mocha ended early": "error"} if commands[-1] in (crash, silent) else {}
        assert (code, statuses) == (1, results | early)
        report.unlink()


def test_sources_are_built_again_only_if_they_are_newer(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "test").mkdir(parents=True)
    (tree / "test/a.test.js").write_text('require("../out.js")')
    build = "echo 'throw 1' > out.js; cat source.js > out.js"
    (tree / "source.js").write_text("1")
    command = NodeCommand(runner="node:test", program=("node",))
    project = NodeProject(folder="", preparation=(build, "false"), commands=(command,))
    projects = [NodeProject(folder="", preparation=("true",), commands=()), project]
    text = build_script(projects)
    environment = {"PATH": "/usr/bin:/bin"}
    subprocess.run(["/bin/sh", "-c", text], cwd=tree, env=environment, check=True)
    built = (tree / "out.js").stat().st_mtime_ns
    code, report = run(tree, projects)
    assert (tree / "out.js").stat().st_mtime_ns == built
    assert read(report, tree)[0]["::a part of the build ended early"] == "error"
    report.unlink()
    (tree / "source.js").write_text("throw 2")
    assert run(tree, projects)[0] == 1
    report.unlink()
    (tree / "source.js").unlink()
    code, report = run(tree, projects)
    statuses, _ = read(report, tree)
    assert (code, statuses) == (1, {"::building ended early": "error"})


def test_a_package_is_built_again_if_one_that_it_uses_is_newer(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "app").mkdir(parents=True)
    (tree / "it's").mkdir()
    (tree / "it's/source.js").write_text("throw 1")
    (tree / "app/a.test.js").write_text('require("./out.js")')
    app = NodeProject(
        folder="app",
        preparation=('cat "../it\'s/source.js" > out.js',),
        commands=(NodeCommand(runner="node:test", program=("node",)),),
        uses=("it's",),
    )
    text = build_script([app])
    subprocess.run(["/bin/sh", "-c", text], cwd=tree, env={"PATH": "/usr/bin:/bin"}, check=True)
    (tree / "it's/source.js").write_text("1")
    assert run(tree, [app])[0] == 0


@pytest.mark.parametrize("changed", ["tsconfig.base.json", "shared/babel.config.js", "x/.swcrc"])
def test_a_package_is_built_again_if_a_newer_file_may_configure_it(
    tmp_path: Path, changed: str
) -> None:
    tree = tmp_path / "tree"
    (tree / "p/app").mkdir(parents=True)
    (tree / "p/app/a.test.js").write_text("")
    (tree / changed).parent.mkdir(exist_ok=True)
    command = NodeCommand(runner="node:test", program=("node",))
    app = NodeProject(folder="p/app", preparation=("echo x >> out",), commands=(command,))
    later = NodeProject(folder="", preparation=("echo x > tsconfig.built.json",), commands=())
    environment = {"PATH": "/usr/bin:/bin"}
    text = build_script([app, later])
    subprocess.run(["/bin/sh", "-c", text], cwd=tree, env=environment, check=True)
    (tree / "README.md").write_text("")
    run(tree, [app])
    assert (tree / "p/app/out").read_text() == "x\n"
    (tree / changed).write_text("{}")
    run(tree, [app])
    assert (tree / "p/app/out").read_text() == "x\nx\n"


def test_a_build_that_fails_on_the_base_is_an_error_until_it_passes(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "a.test.js").write_text("")
    command = NodeCommand(runner="node:test", program=("node",))
    project = NodeProject(folder="", preparation=("test -e source.js",), commands=(command,))
    text = build_script([project])
    subprocess.run(["/bin/sh", "-c", text], cwd=tree, env={"PATH": "/usr/bin:/bin"}, check=True)
    failure = {"::a part of the build ended early": "error"}
    passed = {"a.test.js::(whole file)": "passed"}
    assert read(run(tree, [project])[1], tree)[0] == passed | failure
    (tmp_path / "report/node.jsonl").unlink()
    (tree / "other.js").write_text("")
    assert read(run(tree, [project])[1], tree)[0] == passed | failure
    (tmp_path / "report/node.jsonl").unlink()
    (tree / "source.js").write_text("")
    assert read(run(tree, [project])[1], tree)[0] == passed


@pytest.mark.parametrize("runner", ["node:test", "tap"])
def test_a_file_whose_name_looks_like_a_pattern_is_run_by_itself(
    tmp_path: Path, runner: Runner
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("[id].test.js", "i.test.js", "[...all].test.js"):
        (tree / name).write_text("")
    command = NodeCommand(runner=runner, program=("node",))
    project = NodeProject(folder="", commands=(command,))
    _, report = run(tree, [project], ["[id].test.js", "[...all].test.js"])
    assert read(report, tree)[0] == {
        "[id].test.js::(whole file)": "passed",
        "[...all].test.js::(whole file)": "passed",
    }
