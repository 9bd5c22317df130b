"""Programs for the environment's Python, passed by ``-c`` inside the sandbox.

They must run on any Python since 3.6, with only its standard library (and pytest for the probe).
"""

from pathlib import Path

from repository.testing.own_imports import with_own_imports


def read_script(name: str) -> str:
    """Return the text of a program in this folder."""
    program = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    return with_own_imports(program)
