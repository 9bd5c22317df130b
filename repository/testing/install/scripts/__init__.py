"""Programs for the environment's own Python, passed by ``-c`` inside the sandbox.

They must run on any Python from 3.6 on, with its standard library alone (and pytest for the probe).
"""

from pathlib import Path


def read_script(name: str) -> str:
    """Return the text of a program of this folder."""
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
