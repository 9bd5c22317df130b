"""The commands of nox sessions. A noxfile.py is parsed, never run."""

import ast
from collections.abc import Iterator, Mapping

from repository.testing.detect.blocks import Line
from repository.testing.detect.parsing import literal_strings, module_variables, parse_python

_INSTALLING = ("install", "conda_install")
_RUNNING = ("run", "run_always", "run_install")


def read_noxfile(text: str) -> list[Line]:
    """Return the installs and commands as shell commands; their block is the session's name."""
    module = parse_python(text)
    if module is None:
        return []
    variables = module_variables(module)
    lines: list[Line] = []
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            name = _session_name(node)
            for number, command in _commands(node, variables):
                lines.append(Line(number, command, (name,)))
    return lines


def _session_name(function: ast.FunctionDef) -> str:
    """Return the name that the decorator states, else the function's."""
    for decorator in function.decorator_list:
        if not isinstance(decorator, ast.Call):
            continue
        for keyword in decorator.keywords:
            value = keyword.value
            if keyword.arg == "name" and isinstance(value, ast.Constant):
                return str(value.value)
    return function.name


def _commands(
    function: ast.FunctionDef, variables: Mapping[str, ast.expr]
) -> Iterator[tuple[int, str]]:
    local_variables = {**variables, **module_variables(function)}
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        verb = node.func.attr
        if verb not in (*_INSTALLING, *_RUNNING):
            continue
        words: list[str] = []
        for argument in node.args:
            words += literal_strings(argument, local_variables)
        prefix = "pip install " if verb in _INSTALLING else ""
        yield node.lineno, prefix + " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    """Return a word so that a shell takes it as one; quotes in it are dropped."""
    plain = word.replace('"', "").replace("'", "")
    return f'"{plain}"' if any(mark in plain for mark in " <>;|&") else plain
