"""Run one process for a sandbox: limits before it starts, its output drained and bounded, its text
made plain.
"""

import asyncio
import re
import resource

from sandbox import SandboxCommand
from sandbox.usage import (
    MAX_FILE_BYTES,
    MAX_OPEN_FILES,
    MAX_PROCESSES,
    RLIMIT_MSGQUEUE,
    machine_memory,
)

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and their like, with what they carry
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f]"
)


def launched(argv: list[str]) -> list[str]:
    """The command line that runs ``argv`` (an absolute program) under the limits, by programs of util-linux's.

    Memory is limited by what the machine has, as RLIMIT_DATA, since RLIMIT_AS breaks runtimes that reserve address
    space: what is used, the watch counts. It is the first to go when the machine is out of memory.
    """
    limits = {
        "data": (resource.RLIMIT_DATA, machine_memory()["MemTotal"]),
        "fsize": (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        "nproc": (resource.RLIMIT_NPROC, MAX_PROCESSES),
        "nofile": (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        "core": (resource.RLIMIT_CORE, 0),
        "msgqueue": (RLIMIT_MSGQUEUE, 0),
    }
    given = []
    for name, (kind, limit) in limits.items():
        hard = resource.getrlimit(kind)[1]
        given.append(f"--{name}={limit if hard == resource.RLIM_INFINITY else min(limit, hard)}")
    return ["/usr/bin/prlimit", *given, "--", "/usr/bin/choom", "-n", "1000", "--", *argv]


async def drain(stream: asyncio.StreamReader, kept: bytearray, command: SandboxCommand) -> None:
    """Read to the end, however much it is; ``kept`` holds the last bytes that the command's limit
    allows.
    """
    limit = command.output_limit
    while chunk := await stream.read(65536):
        if command.on_output is not None:
            command.on_output(chunk)
        kept += chunk
        if len(kept) > 2 * limit:
            del kept[:-limit]
    del kept[: max(0, len(kept) - limit)]


def explained(ended: str, command: SandboxCommand) -> str:
    """What is said below the output of a command that was ended."""
    match ended:
        case "" | "time":
            return ""
        case "memory":
            return f"[sandbox: ended at more than {command.memory_mb} MB of memory]\n"
        case "disk":
            return f"[sandbox: ended at more than {command.disk_mb} MB on disk, or a full one]\n"
        case _:
            return f"[sandbox: ended: {ended}]\n"


def plain(output: bytes | bytearray, limit: int) -> str:
    """Output as text without terminal escapes and control characters; line ends are newlines."""
    text = _ESCAPES.sub("", bytes(output[-limit:]).decode(errors="replace"))
    return text.replace("\r\n", "\n").replace("\r", "\n")
