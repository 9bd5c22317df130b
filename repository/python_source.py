"""Parse Python source code with this process's own parser."""

import ast
import warnings


class UnknownSyntax(Exception):
    """No Python on this machine has the syntax that a repository may use; the message says why."""


def parse_python(text: str) -> ast.Module:
    """Parse a module, without warnings about its content.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it can't be parsed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)
