"""The user's own decision which local repositories git may read: ``safe.directory``.

Our git reads no configuration of the user except this. git refuses a repository that belongs to
another user unless ``safe.directory`` allows it (git-config(1)).
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

_SETTING = "safe.directory"
#: Variables by which git finds the user's configuration, and itself.
_VARIABLES = (
    "PATH",
    "HOME",
    "XDG_CONFIG_HOME",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
)


def trust_settings() -> list[tuple[str, str]]:
    """Return the user's ``safe.directory`` settings, in order; an empty one cancels those before
    it.
    """
    environment = [(name, os.environ[name]) for name in _VARIABLES if name in os.environ]
    return [(_SETTING, value) for value in _read_values(tuple(environment))]


@contextmanager
def trusting_config() -> Iterator[dict[str, str]]:
    """Provide variables with which git, and each git that it starts, has ``trust_settings``.

    They are in a file: git removes configuration in variables before it starts another git in a
    local repository.
    """
    with tempfile.TemporaryDirectory(prefix="git-config-") as folder:
        config = Path(folder) / "config"
        lines = ["[safe]", *[f"directory = {_quote(value)}" for _, value in trust_settings()]]
        config.write_bytes(os.fsencode("\n".join(lines)))
        yield {"GIT_CONFIG_GLOBAL": str(config)}


def config_variables(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the variables that pass settings to git, where they override those of files."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


@lru_cache(maxsize=8)
def _read_values(environment: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    values: list[str] = []
    for scope in ("--system", "--global"):
        output = _read_scope(scope, dict(environment))
        values += os.fsdecode(output).split("\0")[:-1]
    return tuple(values)


def _read_scope(scope: str, environment: Mapping[str, str]) -> bytes:
    """Return the values, each ended by a NUL; empty if the scope has none."""
    completed = subprocess.run(
        ["git", "config", scope, "--null", "--type=path", "--get-all", _SETTING],
        capture_output=True,
        check=False,
        env=environment,
        cwd="/",
    )
    return completed.stdout


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
