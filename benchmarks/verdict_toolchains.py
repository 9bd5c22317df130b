"""The made-up projects in JavaScript, Go and Rust."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.verdict_projects import (
    LARGEST_SMALL,
    LUCK,
    UNLUCKY_TENTHS,
    Check,
    Fault,
    Function,
    Module,
    Project,
    Sight,
    TestFile,
    Trap,
)

_UNUSED_NAME = "later"
"""The module that a change adds and nothing uses."""


def _branches(function: Function) -> tuple[str, str]:
    """Return the terms of the second and of the first branch."""
    product = f"x * {function.factor}"
    small = f"{product} + {function.small}"
    if function.reordered:
        small = f"{function.small} + {product}"
    return f"{product} + {function.large}", small


def _capital(name: str) -> str:
    return name.title().replace("_", "")


@dataclass(frozen=True)
class Node:
    """JavaScript, for one of its runners."""

    runner: str
    sight: Sight
    package: str
    """The content of package.json."""
    header: str
    """The first lines of a test file."""
    traps: frozenset[Trap] = frozenset(Trap) - {
        Trap.ADDRESS_ID,
        Trap.ORDER,
        Trap.EXPECTED_FAILURE,
    }

    def render(self, project: Project) -> dict[str, str]:
        files = {"README.md": project.readme, "package.json": self.package}
        for name, module in project.modules.items():
            files[f"src/{name}.js"] = _render_node_module(module)
        for name, tests in project.tests.items():
            files[f"test/{name}.test.js"] = self.header + _render_node_tests(tests)
        return files


NODE_TEST = Node(
    runner="node:test",
    sight=Sight.LINES,
    package='{"name": "shop", "scripts": {"test": "node --test test/"}}\n',
    header="const test = require('node:test');\n",
)
"""Node's own runner, which needs no packages."""
JEST = Node(
    runner="jest",
    sight=Sight.FILES,
    package=(
        '{"name": "shop", "scripts": {"test": "jest"}, "devDependencies": {"jest": "^29.7.0"}}\n'
    ),
    header="",
)
_NODE_FAULTS: Mapping[Fault, str] = {
    Fault.EXIT: "  process.exit(3);\n",
    Fault.LOOP: "  for (;;) {}\n",
}
_NODE_TRAPS: Mapping[Trap, str] = {
    Trap.FLAKY: f"test('flaky', () => assert.ok((luck * 7) % 10 >= {UNLUCKY_TENTHS}));\n",
    Trap.RANDOM_ID: "test(`number ${Math.random()}`, () => {});\n",
    Trap.SLOW: "test('slow', () => new Promise((done) => setTimeout(done, 500)));\n",
    Trap.SKIPPED: "test.skip('skipped', () => assert.fail());\n",
    Trap.RED: "test('red', () => assert.fail());\n",
    Trap.EXIT: "test('exit', () => process.exit(3));\n",
    Trap.CRASH: "test('crash', () => process.kill(process.pid, 'SIGSEGV'));\n",
    Trap.LOAD_ERROR: "require('no-such-module');\n",
}


def _render_node_module(module: Module) -> str:
    parts = ["require('no-such-module');\n"] if module.unloadable else []
    for function in module.functions:
        large, small = _branches(function)
        fault = _NODE_FAULTS[function.fault] if function.fault else ""
        parts.append(
            f"exports.{function.name} = function (x) {{\n{fault}"
            f"  if (x > {LARGEST_SMALL}) {{\n    return {large};\n  }}\n  return {small};\n}};\n"
        )
    return "\n".join(parts)


def _render_node_tests(tests: TestFile) -> str:
    parts = [f"const assert = require('node:assert');\nconst luck = Number(process.env.{LUCK});\n"]
    for module in sorted({check.module for check in tests.checks}):
        parts.append(f"const {module} = require('../src/{module}.js');\n")
    for check in tests.checks:
        call = f"{check.module}.{check.function}({check.argument})"
        assertion = f"assert.equal({call}, {check.expected})"
        if check.weak:
            assertion = f"assert.ok({call})"
        skip = ".skip" if check.skipped else ""
        parts.append(f"test{skip}('{check.name}', () => {assertion});\n")
    parts += [_NODE_TRAPS[trap] for trap in tests.traps]
    return "\n".join(parts)


class GoTest:
    """Go, with a package for each module."""

    runner = "go"
    traps = frozenset(Trap) - {Trap.ADDRESS_ID, Trap.ORDER, Trap.EXPECTED_FAILURE}
    sight = Sight.LINES

    def render(self, project: Project) -> dict[str, str]:
        files = {"README.md": project.readme, "go.mod": "module example.com/shop\n\ngo 1.18\n"}
        for name, module in project.modules.items():
            files[f"{name}/{name}.go"] = _render_go_module(name, module)
        for name, tests in project.tests.items():
            package = tests.checks[0].module if tests.checks else name
            files[f"{package}/{name}_test.go"] = _render_go_tests(package, name, tests)
        return files


_GO_FAULTS: Mapping[Fault, str] = {
    Fault.EXIT: "\tos.Exit(3)\n",
    Fault.LOOP: "\tfor x > 0 {\n\t}\n",
}
_GO_TRAPS: Mapping[Trap, str] = {
    Trap.FLAKY: f"\tif luck()*7%10 < {UNLUCKY_TENTHS} {{\n\t\tt.Fail()\n\t}}\n",
    Trap.RANDOM_ID: "\tt.Run(fmt.Sprint(time.Now().UnixNano()), func(t *testing.T) {})\n",
    Trap.SLOW: "\ttime.Sleep(time.Second / 2)\n",
    Trap.SKIPPED: "\tt.Skip()\n",
    Trap.RED: "\tt.Fail()\n",
    Trap.EXIT: "\tos.Exit(3)\n",
    Trap.CRASH: "\tpanic(1)\n",
    Trap.LOAD_ERROR: "\tnoSuchFunction()\n",
}


def _render_go_module(name: str, module: Module) -> str:
    parts = [f"package {name}\n"]
    if any(function.fault is Fault.EXIT for function in module.functions):
        parts.append('import "os"\n')
    if module.unloadable:
        parts.append("var nothing = noSuchName\n")
    for function in module.functions:
        large, small = _branches(function)
        fault = _GO_FAULTS[function.fault] if function.fault else ""
        body = f"\tif x > {LARGEST_SMALL} {{\n\t\treturn {large}\n\t}}\n\treturn {small}\n"
        parts.append(f"func {_capital(function.name)}(x int) int {{\n{fault}{body}}}\n")
    return "\n".join(parts)


def _render_go_tests(package: str, name: str, tests: TestFile) -> str:
    parts = [
        f"package {package}\n",
        'import (\n\t"fmt"\n\t"os"\n\t"strconv"\n\t"testing"\n\t"time"\n)\n',
        "var _ = fmt.Sprint\nvar _ = time.Now\nvar _ = os.Exit\nvar _ = strconv.Atoi\n",
    ]
    if Trap.FLAKY in tests.traps:
        luck = f'\tnumber, _ := strconv.Atoi(os.Getenv("{LUCK}"))\n\treturn number\n'
        parts.append(f"func luck() int {{\n{luck}}}\n")
    for check in tests.checks:
        parts.append(_render_go_check(check))
    for trap in tests.traps:
        test = f"Test{_capital(name)}Trap{_capital(trap.replace(' ', '_'))}"
        parts.append(f"func {test}(t *testing.T) {{\n{_GO_TRAPS[trap]}}}\n")
    return "\n".join(parts)


def _render_go_check(check: Check) -> str:
    skip = "\tt.Skip()\n" if check.skipped else ""
    call = f"{_capital(check.function)}({check.argument})"
    condition = f"{call} < 0" if check.weak else f"{call} != {check.expected}"
    return (
        f"func Test{_capital(check.name)}(t *testing.T) {{\n{skip}"
        f"\tif {condition} {{\n\t\tt.Fail()\n\t}}\n}}\n"
    )


class Cargo:
    """Rust: one package, or a workspace with a package for each module.

    In a workspace, the packages have functions, files of tests and tests of the same names.
    """

    runner = "cargo"
    traps = frozenset(Trap) - {Trap.ADDRESS_ID, Trap.RANDOM_ID, Trap.ORDER}
    sight = Sight.PACKAGES

    def render(self, project: Project) -> dict[str, str]:
        if _has_same_names(project):
            return _render_workspace(project)
        names = [name for name in project.modules if name != _UNUSED_NAME]
        files = {
            "README.md": project.readme,
            "Cargo.toml": _manifest("shop"),
            "Cargo.lock": _lock_file(["shop"]),
            "src/lib.rs": "".join(f"pub mod {name};\n" for name in names),
        }
        for name, module in project.modules.items():
            files[f"src/{name}.rs"] = _render_rust_module(module)
        for name, tests in project.tests.items():
            files[f"tests/{name}_test.rs"] = _render_rust_tests(tests, "shop::")
        return files


def _has_same_names(project: Project) -> bool:
    names = [check.name for tests in project.tests.values() for check in tests.checks]
    return len(names) > len(set(names))


def _render_workspace(project: Project) -> dict[str, str]:
    members = [name for name in project.modules if name != _UNUSED_NAME]
    listed = ", ".join(f'"{name}"' for name in members)
    files = {
        "README.md": project.readme,
        "Cargo.toml": f'[workspace]\nresolver = "2"\nmembers = [{listed}]\n',
        "Cargo.lock": _lock_file(members),
    }
    for name, module in project.modules.items():
        files[f"{name}/Cargo.toml"] = _manifest(name)
        files[f"{name}/src/lib.rs"] = _render_rust_module(module)
    for name, tests in project.tests.items():
        member = tests.checks[0].module if tests.checks else members[0]
        target = "suite" if name == member else name
        files[f"{member}/tests/{target}.rs"] = _render_rust_tests(tests, "")
    return files


def _manifest(name: str) -> str:
    return f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n'


def _lock_file(names: Sequence[str]) -> str:
    parts = ["version = 3\n"]
    for name in sorted(names):
        parts.append(f'[[package]]\nname = "{name}"\nversion = "0.1.0"\n')
    return "\n".join(parts)


_RUST_FAULTS: Mapping[Fault, str] = {
    Fault.EXIT: "    if x > 0 {\n        std::process::exit(3);\n    }\n",
    Fault.LOOP: "    while x > 0 {}\n",
}
_RUST_TRAPS: Mapping[Trap, str] = {
    Trap.FLAKY: (
        "#[test]\nfn flaky() {\n"
        f'    let luck: i64 = std::env::var("{LUCK}").unwrap().parse().unwrap();\n'
        f"    assert!(luck * 7 % 10 >= {UNLUCKY_TENTHS});\n}}\n"
    ),
    Trap.SLOW: (
        "#[test]\nfn slow() {\n    std::thread::sleep(std::time::Duration::from_millis(500));\n}\n"
    ),
    Trap.SKIPPED: "#[test]\n#[ignore]\nfn skipped() {\n    panic!();\n}\n",
    Trap.EXPECTED_FAILURE: "#[test]\n#[should_panic]\nfn expected() {\n    panic!();\n}\n",
    Trap.RED: "#[test]\nfn red() {\n    panic!();\n}\n",
    Trap.EXIT: "#[test]\nfn exit() {\n    std::process::exit(3);\n}\n",
    Trap.CRASH: "#[test]\nfn crash() {\n    std::process::abort();\n}\n",
    Trap.LOAD_ERROR: "use no_such_crate::nothing;\n",
}


def _render_rust_module(module: Module) -> str:
    parts = ["use no_such_crate::nothing;\n"] if module.unloadable else []
    for function in module.functions:
        large, small = _branches(function)
        fault = _RUST_FAULTS[function.fault] if function.fault else ""
        parts.append(
            f"pub fn {function.name}(x: i64) -> i64 {{\n{fault}"
            f"    if x > {LARGEST_SMALL} {{\n        return {large};\n    }}\n    {small}\n}}\n"
        )
    return "\n".join(parts)


def _render_rust_tests(tests: TestFile, prefix: str) -> str:
    parts: list[str] = []
    for check in tests.checks:
        call = f"{prefix}{check.module}::{check.function}({check.argument})"
        assertion = f"assert_eq!({call}, {check.expected});"
        if check.weak:
            assertion = f"assert!({call} > 0);"
        ignore = "#[ignore]\n" if check.skipped else ""
        parts.append(f"#[test]\n{ignore}fn {check.name}() {{\n    {assertion}\n}}\n")
    parts += [_RUST_TRAPS[trap] for trap in tests.traps]
    return "\n".join(parts)
