"""The made-up projects in Python, with tests for pytest and for unittest."""

from collections.abc import Callable, Mapping

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

_PACKAGE = "shop"
_FAULTS: Mapping[Fault, str] = {
    Fault.EXIT: "    __import__('os')._exit(3)\n",
    Fault.LOOP: "    while True:\n        pass\n",
}
_FIRST_FILE = "tests/test_aaa.py"
"""The file whose test must run before an order-dependent one."""
_STATE = "tests/state.py"
_HEADER = f"""import os
import random
import signal
import sys
import time
import unittest

LUCK = int(os.environ["{LUCK}"])
"""


def _render_module(module: Module) -> str:
    text = "import no_such_module\n" if module.unloadable else ""
    return text + "\n\n".join(_render_function(function) for function in module.functions)


def _render_function(function: Function) -> str:
    fault = _FAULTS[function.fault] if function.fault else ""
    product = f"x * {function.factor}"
    large = f"{product} + {function.large}"
    small = f"{product} + {function.small}"
    if function.reordered:
        small = f"{function.small} + {product}"
    return (
        f"def {function.name}(x):\n{fault}"
        f"    if x > {LARGEST_SMALL}:\n        return {large}\n    return {small}\n"
    )


def _render_sources(project: Project) -> dict[str, str]:
    files = {"README.md": project.readme, f"{_PACKAGE}/__init__.py": ""}
    for name, module in project.modules.items():
        files[f"{_PACKAGE}/{name}.py"] = _render_module(module)
    return files


def _imports(tests: TestFile) -> str:
    modules = sorted({check.module for check in tests.checks})
    return "".join(f"from {_PACKAGE} import {module}\n" for module in modules)


def _call(check: Check) -> str:
    return f"{check.module}.{check.function}({check.argument})"


def _is_unlucky(salt: str) -> str:
    return f"(LUCK * 7 + {len(salt)}) % 10 < {UNLUCKY_TENTHS}"


class Pytest:
    runner = "pytest"
    traps = frozenset(Trap)
    sight = Sight.LINES

    def render(self, project: Project) -> dict[str, str]:
        files = _render_sources(project)
        files["pytest.ini"] = "[pytest]\n"
        if Trap.ORDER in project.traps:
            files[_STATE] = "seen = []\n"
            files[_FIRST_FILE] = "import state\n\ndef test_first():\n    state.seen.append(1)\n"
        for name, tests in project.tests.items():
            files[f"tests/test_{name}.py"] = self._render_tests(name, tests)
        return files

    def _render_tests(self, name: str, tests: TestFile) -> str:
        parts = [f"{_HEADER}import pytest\n{_imports(tests)}"]
        for check in tests.checks:
            skip = "@pytest.mark.skip\n" if check.skipped else ""
            comparison = "is not None" if check.weak else f"== {check.expected}"
            parts.append(
                f"{skip}def test_{check.name}():\n    assert {_call(check)} {comparison}\n"
            )
        for trap in tests.traps:
            parts.append(_PYTEST_TRAPS[trap](name))
        return "\n\n".join(parts)


_PYTEST_TRAPS: Mapping[Trap, Callable[[str], str]] = {
    Trap.FLAKY: lambda name: f"def test_flaky():\n    assert not {_is_unlucky(name)}\n",
    Trap.ADDRESS_ID: lambda _: (
        "@pytest.mark.parametrize('value', [object()], ids=repr)\n"
        "def test_object(value):\n    assert value\n"
    ),
    Trap.RANDOM_ID: lambda _: (
        "@pytest.mark.parametrize('value', [random.random()])\n"
        "def test_number(value):\n    assert value >= 0\n"
    ),
    Trap.ORDER: lambda _: "import state\n\ndef test_order():\n    assert state.seen\n",
    Trap.SLOW: lambda _: "def test_slow():\n    time.sleep(0.5)\n",
    Trap.SKIPPED: lambda _: "@pytest.mark.skip\ndef test_skipped():\n    assert False\n",
    Trap.EXPECTED_FAILURE: lambda _: "@pytest.mark.xfail\ndef test_xfail():\n    assert False\n",
    Trap.RED: lambda _: "def test_red():\n    assert False\n",
    Trap.EXIT: lambda _: "def test_exit():\n    sys.exit(3)\n",
    Trap.CRASH: lambda _: "def test_crash():\n    os.kill(os.getpid(), signal.SIGSEGV)\n",
    Trap.LOAD_ERROR: lambda _: "import no_such_module\n",
}


class Unittest:
    runner = "unittest"
    traps = frozenset(Trap) - {Trap.ADDRESS_ID}
    sight = Sight.LINES

    def render(self, project: Project) -> dict[str, str]:
        files = _render_sources(project)
        files["tests/__init__.py"] = ""
        if Trap.ORDER in project.traps:
            files[_STATE] = "seen = []\n"
            files[_FIRST_FILE] = (
                "import unittest\nfrom tests import state\n\nclass First(unittest.TestCase):\n"
                "    def test_first(self):\n        state.seen.append(1)\n"
            )
        for name, tests in project.tests.items():
            files[f"tests/test_{name}.py"] = self._render_tests(name, tests)
        return files

    def _render_tests(self, name: str, tests: TestFile) -> str:
        parts = [
            f"{_HEADER}{_imports(tests)}",
            f"class {name.title().replace('_', '')}(unittest.TestCase):\n"
            "    def test_nothing(self):\n        pass\n",
        ]
        for check in tests.checks:
            skip = "    @unittest.skip('later')\n" if check.skipped else ""
            if check.weak:
                assertion = f"self.assertIsNotNone({_call(check)})"
            else:
                assertion = f"self.assertEqual({_call(check)}, {check.expected})"
            parts.append(f"{skip}    def test_{check.name}(self):\n        {assertion}\n")
        for trap in tests.traps:
            parts.append(_UNITTEST_TRAPS[trap](name))
        return "\n".join(parts)


_UNITTEST_TRAPS: Mapping[Trap, Callable[[str], str]] = {
    Trap.FLAKY: lambda name: (
        f"    def test_flaky(self):\n        self.assertFalse({_is_unlucky(name)})\n"
    ),
    Trap.RANDOM_ID: lambda _: (
        "    def number(self):\n        pass\n"
        "    locals()[f'test_{random.randrange(10**9)}'] = number\n"
    ),
    Trap.ORDER: lambda _: (
        "    def test_order(self):\n"
        "        from tests import state\n        self.assertTrue(state.seen)\n"
    ),
    Trap.SLOW: lambda _: "    def test_slow(self):\n        time.sleep(0.5)\n",
    Trap.SKIPPED: lambda _: (
        "    @unittest.skip('later')\n    def test_skipped(self):\n        1 / 0\n"
    ),
    Trap.EXPECTED_FAILURE: lambda _: (
        "    @unittest.expectedFailure\n    def test_expected(self):\n        1 / 0\n"
    ),
    Trap.RED: lambda _: "    def test_red(self):\n        1 / 0\n",
    Trap.EXIT: lambda _: "    def test_exit(self):\n        sys.exit(3)\n",
    Trap.CRASH: lambda _: (
        "    def test_crash(self):\n        os.kill(os.getpid(), signal.SIGSEGV)\n"
    ),
    Trap.LOAD_ERROR: lambda _: "import no_such_module\n",
}
