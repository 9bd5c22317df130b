"""The fixed path at which commands see the folder of their run.

What a command prints and what is written into an environment then is the same for every run and on
every machine, and says nothing about the machine's folders.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox import SandboxCommand

RUN_FOLDER_INSIDE = Path("/workspace")


@dataclass(frozen=True)
class Relocation:
    """Translates paths outside the sandbox to paths inside it."""

    run_folder: Path | None
    """None: all paths are the same inside."""

    def path(self, outside: Path) -> Path:
        if self.run_folder is None or not outside.is_relative_to(self.run_folder):
            return outside
        return RUN_FOLDER_INSIDE / outside.relative_to(self.run_folder)

    def text(self, text: str) -> str:
        """Translate each path in a text."""
        if self.run_folder is None:
            return text
        whole_path = re.escape(str(self.run_folder)) + r"(?![\w.-])"
        return re.sub(whole_path, str(RUN_FOLDER_INSIDE), text)


def seen_inside(command: SandboxCommand) -> SandboxCommand:
    """Return the command with the arguments, variables and folders that it has inside.

    ``writable`` and ``readable`` stay as they are: they name what is mounted.
    """
    relocation = Relocation(command.run_folder)
    environment: dict[str, str] = {}
    for name, value in command.environment.items():
        environment[name] = relocation.text(value)
    return replace(
        command,
        argv=tuple(relocation.text(word) for word in command.argv),
        cwd=relocation.path(command.cwd),
        home=_optional(relocation, command.home),
        temporary=_optional(relocation, command.temporary),
        environment=environment,
    )


def _optional(relocation: Relocation, path: Path | None) -> Path | None:
    return None if path is None else relocation.path(path)
