"""The environment variables that every command gets, in addition to its own."""

from pathlib import Path

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def base_environment(home: Path, temporary: Path) -> dict[str, str]:
    return {
        "PATH": SYSTEM_PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TMPDIR": str(temporary),
    }
