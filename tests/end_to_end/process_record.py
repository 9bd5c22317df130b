"""A record of every process that a worker starts: its arguments and its environment."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Events of Python that begin a process, with the places of arguments and environment in what they
#: tell (https://docs.python.org/3/library/audit_events.html).
_EVENTS = {"subprocess.Popen": (1, 3), "os.posix_spawn": (1, 2), "os.exec": (1, 2)}


@dataclass(frozen=True)
class Started:
    """One process."""

    arguments: list[str]
    environment: dict[str, str]


def record_processes(file: Path) -> None:
    """Append a line to ``file`` for each process that this one starts, until it ends."""

    def hook(event: str, details: tuple[Any, ...]) -> None:
        places = _EVENTS.get(event)
        if places is None:
            return
        arguments, environment = (details[place] for place in places)
        line = {
            "arguments": _texts(arguments),
            "environment": _variables(os.environ if environment is None else environment),
        }
        with file.open("a") as lines:
            lines.write(f"{json.dumps(line)}\n")

    sys.addaudithook(hook)


def read_processes(file: Path) -> Iterator[Started]:
    for line in file.read_text().splitlines():
        yield Started(**json.loads(line))


def _texts(arguments: Any) -> list[str]:
    several = [arguments] if isinstance(arguments, str | bytes) else arguments
    return [os.fsdecode(argument) for argument in several]


def _variables(environment: Mapping[Any, Any]) -> dict[str, str]:
    return {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
