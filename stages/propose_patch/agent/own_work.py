"""Whether a new file was only for the model's own work: what its calls did with the file."""

import re
from collections.abc import Sequence

from repository.files import name_of
from stages.propose_patch.agent.protocol import Bash
from stages.propose_patch.agent.steps import Observation

#: Programs that run the file that they are given.
_INTERPRETERS = (
    r"(?:python[\d.]*|pypy[\d.]*|pytest|(?:ba|z)?sh|node|deno run|bun|tsx|ts-node|go run|java"
    r"|ruby|perl|php|lua|Rscript|source)"
)
_OPTIONS = r"(?:-(?![mc]\b)\S+\s+)*"


def is_written_to_stay(path: str, calls: Sequence[Observation]) -> bool:
    """Whether a call named the file, as one that writes it does, and no command ran it.

    A file that no call named is the output of a program.
    """
    name = name_of(path)
    if not any(name in call.call for call in calls):
        return False
    return not any(_runs(call.call, name) for call in calls if call.tool == Bash.name)


def _runs(command: str, name: str) -> bool:
    """Whether a command runs a file, by an interpreter or as a program."""
    file = rf"(?:[^\s;&|<>()]*/)?{re.escape(name)}(?![\w.-])"
    by_interpreter = rf"(?:^|[\s;&|(/]){_INTERPRETERS}\s+{_OPTIONS}{file}"
    as_program = rf"(?:^|[;&|(])\s*[./]{file}"
    return re.search(f"{by_interpreter}|{as_program}", command, re.M) is not None
