"""Run one process for a sandbox: limits before it starts, its output drained and bounded, its text made plain."""

import asyncio
import re
import sys
from pathlib import Path

from pipeline.sandbox import SandboxCommand
from pipeline.sandbox.watch import MAX_DISK_BYTES, MAX_FILE_BYTES, MAX_OPEN_FILES, MAX_PROCESSES, machine_memory

#: Runs with an empty environment before the sandbox's program. RLIMIT_DATA, since RLIMIT_AS breaks runtimes that
#: reserve address space (it is what the machine has: what is used, the watch counts); a session keyring of its own,
#: since namespaces inherit keyrings; the first to go when the machine is out of memory. The keyctl numbers are from
#: asm-generic/unistd.h and x86's syscall table, 12 is RLIMIT_MSGQUEUE.
_LAUNCH = """
import ctypes, os, platform, resource, sys
data, size, processes, files = (int(word) for word in sys.argv[1:5])
for kind, limit in ((resource.RLIMIT_DATA, data), (resource.RLIMIT_FSIZE, size), (resource.RLIMIT_NPROC, processes),
                    (resource.RLIMIT_NOFILE, files), (resource.RLIMIT_CORE, 0), (12, 0)):
    hard = resource.getrlimit(kind)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (limit, limit))
keyctl = {"x86_64": 250, "aarch64": 219}.get(platform.machine())
if keyctl:
    ctypes.CDLL(None).syscall(keyctl, 1, None)
try:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
except OSError as error:
    sys.stderr.write("oom_score_adj: %s\\n" % error)
os.umask(0o022)
os.execv(sys.argv[5], sys.argv[5:])
"""
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and their like, with what they carry
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f]"
)


def launched(argv: list[str]) -> list[str]:
    """The command line that runs ``argv`` (an absolute program) under the limits."""
    limits = [str(machine_memory()["MemTotal"]), str(MAX_FILE_BYTES), str(MAX_PROCESSES), str(MAX_OPEN_FILES)]
    return [str(Path(sys.executable)), "-I", "-S", "-c", _LAUNCH, *limits, *argv]


async def drain(stream: asyncio.StreamReader, kept: bytearray, command: SandboxCommand) -> None:
    """Read to the end, however much it is; ``kept`` holds the last bytes that the command's limit allows."""
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
            return f"[sandbox: ended at more than {MAX_DISK_BYTES // 1024**2} MB on disk, or a full one]\n"
        case _:
            return f"[sandbox: ended: {ended}]\n"


def plain(output: bytes | bytearray, limit: int) -> str:
    """Output as text without terminal escapes and control characters; line ends are newlines."""
    text = _ESCAPES.sub("", bytes(output[-limit:]).decode(errors="replace"))
    return text.replace("\r\n", "\n").replace("\r", "\n")
