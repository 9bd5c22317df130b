"""Run one process for a sandbox: limits before it starts, its output drained and bounded, its text made plain."""

import asyncio
import re
import sys
from pathlib import Path

MAX_FILE_BYTES = 2 * 1024**3
MAX_PROCESSES = 4096
#: Runs with an empty environment before the sandbox's program. RLIMIT_DATA, since RLIMIT_AS breaks runtimes that
#: reserve address space; a session keyring of its own, since namespaces inherit keyrings; the first to go when the
#: machine is out of memory. The keyctl numbers are from asm-generic/unistd.h and x86's syscall table.
_LAUNCH = """
import ctypes, os, platform, resource, sys
data, size, processes = (int(word) for word in sys.argv[1:4])
for kind, limit in ((resource.RLIMIT_DATA, data), (resource.RLIMIT_FSIZE, size),
                    (resource.RLIMIT_NPROC, processes), (resource.RLIMIT_CORE, 0)):
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
os.execv(sys.argv[4], sys.argv[4:])
"""
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and their like, with what they carry
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f]"
)


def launched(argv: list[str], *, memory_mb: int) -> list[str]:
    """The command line that runs ``argv`` (an absolute program) under the limits."""
    limits = [str(memory_mb * 1024**2), str(MAX_FILE_BYTES), str(MAX_PROCESSES)]
    return [str(Path(sys.executable)), "-I", "-S", "-c", _LAUNCH, *limits, *argv]


async def drain(stream: asyncio.StreamReader, kept: bytearray, limit: int) -> None:
    """Read to the end, however much it is; ``kept`` holds the last ``limit`` bytes."""
    while chunk := await stream.read(65536):
        kept += chunk
        if len(kept) > 2 * limit:
            del kept[:-limit]
    del kept[: max(0, len(kept) - limit)]


def plain(output: bytes | bytearray, limit: int) -> str:
    """Output as text without terminal escapes and control characters; line ends are newlines."""
    text = _ESCAPES.sub("", bytes(output[-limit:]).decode(errors="replace"))
    return text.replace("\r\n", "\n").replace("\r", "\n")
