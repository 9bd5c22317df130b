"""Calls of Python functions, which some models write instead of JSON."""

import ast
from collections.abc import Iterator

from stages.propose_patch.agent.protocol.names import find_name
from stages.propose_patch.agent.protocol.written import NamedCall

_MAX_PYTHON = 50_000
"""Maximum characters of code; parsing takes many times as much memory."""


def python_calls(code: str) -> list[NamedCall]:
    """Return the calls of a program that is only calls, such as ``print(api.bash(cmd="ls"))``."""
    if len(code) > _MAX_PYTHON:
        return []
    try:
        statements = ast.parse(code.strip()).body
        return list(_calls_of_statements(statements))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _calls_of_statements(statements: list[ast.stmt]) -> Iterator[NamedCall]:
    """Yield the call of each statement.

    Raises:
        ValueError: a statement is anything else.
    """
    for statement in statements:
        if not isinstance(statement, ast.Expr):
            raise ValueError("not a call")
        yield _call_of_expression(statement.value)


def _call_of_expression(node: ast.expr) -> NamedCall:
    if not isinstance(node, ast.Call):
        raise ValueError("not a call")
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name == "print" and len(node.args) == 1:
        return _call_of_expression(node.args[0])
    if find_name(name) is None:
        raise ValueError("not a tool")
    if node.args and not node.keywords:
        return name, ast.literal_eval(node.args[0])
    fields = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in node.keywords}
    return name, fields
