"""Keep modules of a repository from shadowing those that our programs import.

The programs are passed by ``-c`` and run in the repository's tree. Python puts the current folder
and PYTHONPATH before its own library (https://docs.python.org/3/library/sys.html#sys.path), so that
a ``json.py`` there would be imported in place of Python's. ``-P`` and ``-I`` don't help: the former
needs Python 3.11, and the latter hides modules of the repository from its tests, too.
"""

import ast

_LOADING = """\
import os
import sys
coding_agent_path = list(sys.path)
coding_agent_folders = {folders}
sys.path[:] = [folder for folder in coding_agent_path if folder not in coding_agent_folders]
{imports}
sys.path[:] = coding_agent_path
"""
_CURRENT_FOLDER = '[""]'
_ALL_FOLDERS = '["", *map(os.path.abspath, os.environ.get("PYTHONPATH", "").split(os.pathsep))]'
"""Python makes the folders of PYTHONPATH absolute, too: it may be ``.`` or end in a slash."""


def with_own_imports(program: str) -> str:
    """Return a program that first imports its modules from Python's library and the environment.

    Afterwards, the search path is as before: what runs then may import the repository's modules.
    """
    statements = ast.parse(program).body
    imports = [ast.unparse(node) for node in statements if _is_import(node)]
    return _LOADING.format(folders=_ALL_FOLDERS, imports="\n".join(imports)) + program


def loading_pytest(*, is_package: bool) -> str:
    """Return a program's first lines, which import pytest.

    If the repository is a package, PYTHONPATH counts: pytest may require that package.
    """
    folders = _CURRENT_FOLDER if is_package else _ALL_FOLDERS
    return _LOADING.format(folders=folders, imports="import pytest")


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)
