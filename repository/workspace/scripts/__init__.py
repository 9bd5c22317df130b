"""Programs for the workspace's own work, which run inside the sandbox."""

from pathlib import Path


def read_script(name: str) -> str:
    """Return the text of a program in this folder."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
