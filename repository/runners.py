"""The names of test runners, as configuration and recipes use them."""

from typing import Literal

Runner = Literal[
    "pytest",
    "unittest",
    "script",
    "command",
    "jest",
    "vitest",
    "mocha",
    "node:test",
    "jasmine",
    "tap",
    "go",
    "cargo",
    "maven",
    "gradle",
]
NODE_RUNNERS: tuple[Runner, ...] = ("jest", "vitest", "mocha", "node:test", "jasmine", "tap")
#: Runners that need a Python interpreter.
PYTHON_RUNNERS: tuple[Runner, ...] = ("pytest", "unittest", "script", "command")
