"""The commands of nox sessions. A noxfile.py is parsed, never run."""

import ast
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from repository.testing.detect.blocks import Line
from repository.testing.detect.parsing import literal_strings, module_variables, parse_python

_MAX_COMMANDS = 300
"""Of a session."""
_INSTALLING = ("install", "conda_install")
_RUNNING = ("run", "run_always", "run_install")
_NAMED_FOR_TESTS = re.compile(r"(?:^|_)(?:unit_?)?tests?(?:$|_)|^unit", re.I)
_RUNS_TESTS = re.compile(r"\b(?:pytest|py\.test|unittest)\b|manage\.py|runtests|\btests?\.py\b")


def read_noxfile(text: str) -> list[Line]:
    """Return the installs and commands as shell commands; their block is the session's name.

    A command is for tests if its function runs some, or is called by one that does, and if it does
    not depend on a condition: those are variants of a session.
    """
    module = parse_python(text)
    if module is None:
        return []
    variables = module_variables(module)
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    for_tests = _functions_for_tests(functions)
    lines: list[Line] = []
    for name, function in functions.items():
        session = _session_name(function)
        for number, command, is_conditional in islice(
            _commands(function, variables), _MAX_COMMANDS
        ):
            serves = name in for_tests and not is_conditional
            lines.append(Line(number, command, (session,), for_tests=serves))
    return lines


def _functions_for_tests(functions: Mapping[str, ast.FunctionDef]) -> set[str]:
    """Return the functions that run tests, and those that they call."""
    pending = [name for name, function in functions.items() if _runs_tests(function)]
    pending = [name for name in pending if not _is_variant(name, pending)]
    names: set[str] = set()
    while pending:
        name = pending.pop()
        if name in names:
            continue
        names.add(name)
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                pending += [node.func.id] if node.func.id in functions else []
    return names


def _is_variant(name: str, others: Iterable[str]) -> bool:
    """Whether a session is named after another one, as ``unit_without_grpc`` after ``unit``."""
    return any(name.startswith(f"{other}_") for other in others)


def _runs_tests(function: ast.FunctionDef) -> bool:
    """Whether a function is named for tests or calls a runner."""
    if _NAMED_FOR_TESTS.search(function.name):
        return True
    variables = module_variables(function)
    for node in ast.walk(function):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in _RUNNING:
            words = [
                word for argument in node.args for word in literal_strings(argument, variables)
            ]
            if _RUNS_TESTS.search(" ".join(words)):
                return True
    return False


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
) -> Iterator[tuple[int, str, bool]]:
    """Yield the line, the command and whether it depends on a condition."""
    local_variables = {**variables, **module_variables(function)}
    for node, is_conditional in _calls(function):
        if not isinstance(node.func, ast.Attribute):
            continue
        verb = node.func.attr
        if verb not in (*_INSTALLING, *_RUNNING):
            continue
        words: list[str] = []
        for argument in node.args:
            words += literal_strings(argument, local_variables)
        prefix = "pip install " if verb in _INSTALLING else ""
        yield node.lineno, prefix + " ".join(shlex.quote(word) for word in words), is_conditional


def _calls(function: ast.FunctionDef) -> list[tuple[ast.Call, bool]]:
    """Return the calls in the order of their lines, and whether each is in an ``if``."""
    calls: list[tuple[ast.Call, bool]] = []
    pending: list[tuple[ast.AST, bool]] = [(function, False)]
    while pending:
        node, is_conditional = pending.pop()
        if isinstance(node, ast.Call):
            calls.append((node, is_conditional))
        inner = is_conditional or isinstance(node, ast.If)
        pending += [(child, inner) for child in ast.iter_child_nodes(node)]
    return sorted(calls, key=lambda call: (call[0].lineno, call[0].col_offset))
