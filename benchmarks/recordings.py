"""Recorded runs of an agent with a shell: its commands, how each ended, and the change.

The file has one JSON object per line (gzip): ``instance_id``, ``resolved``, ``submission`` (the
diff) and ``steps``. A step has ``command``, ``rc`` (None if it ran into the time limit) and
``seen`` (the first and last 600 characters of the output), or ``refused`` if nothing was run.
"""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Where the recorded commands ran: the repository and its environment.
RECORDED_TREE = "/testbed"
RECORDED_ENVIRONMENT = "/opt/miniconda3/envs/testbed"
#: Exit code of a shell that did not find the program.
NO_SUCH_PROGRAM = 127

_SUBMISSION = re.compile(r"(^|\n|&&|;)\s*echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT.*", re.DOTALL)
_FILE_OF_DIFF = re.compile(r"^(?=diff --git )", re.MULTILINE)
_BINARY = re.compile(r"^Binary files .* differ$", re.MULTILINE)


@dataclass(frozen=True)
class RecordedCommand:
    number: int
    """From 1, within its run."""
    text: str
    exit_code: int | None
    """None if it ran into the recorded agent's time limit."""
    output: str
    """The first and last characters of its output."""

    @property
    def had_program(self) -> bool:
        """Whether the recorded machine had the program.

        Another machine may have it: then the command would do here what it could not do there.
        """
        return self.exit_code != NO_SUCH_PROGRAM

    def relocated(self, tree: Path, environment: Path) -> str:
        """Return the command with the recorded machine's folders replaced."""
        text = self.text
        for recorded, here in ((RECORDED_ENVIRONMENT, environment), (RECORDED_TREE, tree)):
            text = re.sub(rf"(?<![\w./-]){re.escape(recorded)}(?![\w.-])", str(here), text)
        return text


@dataclass(frozen=True)
class Recording:
    """One run."""

    instance_id: str
    resolved: bool
    commands: tuple[RecordedCommand, ...]
    """Without refused replies and the final submission."""
    submission: str
    """The change as a diff, without binary files, whose content was not recorded."""

    @classmethod
    def read(cls, fields: dict[str, Any]) -> "Recording":
        return cls(
            instance_id=fields["instance_id"],
            resolved=fields["resolved"],
            commands=tuple(_commands(fields["steps"])),
            submission=without_binary_files(fields["submission"]),
        )


def read_recordings(file: Path) -> dict[str, Recording]:
    """Return instance id -> recording.

    Raises:
        OSError, ValueError, KeyError: the file can't be read, or a line is not a recording.
    """
    recordings: dict[str, Recording] = {}
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            recording = Recording.read(json.loads(line))
            recordings[recording.instance_id] = recording
    return recordings


def without_binary_files(diff: str) -> str:
    """Return the diff without the files of which it only says that they differ."""
    files = _FILE_OF_DIFF.split(diff)
    return "".join(text for text in files if not _BINARY.search(text))


def _commands(steps: list[dict[str, Any]]) -> Iterator[RecordedCommand]:
    number = 0
    for step in steps:
        if step.get("refused"):
            continue
        text = step["command"]
        if step.get("submitted"):
            text = _SUBMISSION.sub("", text).strip()
            if not text:
                continue
        number += 1
        yield RecordedCommand(number, text, step["rc"], step.get("seen", ""))
