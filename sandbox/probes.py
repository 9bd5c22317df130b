"""What ``coding-agent sandbox check`` tries: a dozen ways out, each a line of Python that is true
where it leads out.

They are the short ones of the project's attack suite (its tests hold the rest), and need no
preparation outside but what ``probe`` makes."""

import asyncio
import json
import os
import socket
import sys
import tempfile
from pathlib import Path

from sandbox import Sandbox, SandboxCommand
from sandbox import syscalls as linux
from sandbox.seccomp import NUMBERS

PROBES = {
    "reading root's files": "reads(told['secret']) or reads('/etc/shadow')",
    "reading the worker's environment": (
        "any(told['word'][::-1] in read(one) for one in glob.glob('/proc/*/environ'))"
    ),
    "reading the worker's memory": "os.path.exists(told['maps']) and reads(told['maps'])",
    "connecting to the worker's port": "connects(('127.0.0.1', told['port']))",
    "connecting to the metadata addresses": (
        "connects(('169.254.169.254', 80)) or connects(('169.254.170.2', 80))"
    ),
    "connecting to another process's abstract socket": (
        "connects('\\0' + told['abstract'], socket.AF_UNIX)"
    ),
    "raw sockets": (
        "opens(socket.AF_INET, socket.SOCK_RAW, 1) or opens(17, socket.SOCK_RAW, 3) or opens(40,"
        " 1, 0)"
    ),
    "tracing": "call('ptrace', 0, 0, 0, 0) >= 0",
    "keyrings": "call('keyctl', 0, -3, 0) >= 0",
    "namespaces": "call('unshare', 0x10000000) >= 0",
    "mounting": "call('mount', b'none', b'/tmp', b'tmpfs', 0, None) >= 0",
    "io_uring": "call('io_uring_setup', 1, ctypes.create_string_buffer(120)) >= 0",
    "bpf, perf and userfaultfd": (
        "call('bpf', 0, 0, 0) != -1 or call('userfaultfd', 1) >= 0 or "
        "call('perf_event_open', ctypes.create_string_buffer(128), 0, -1, -1, 0) >= 0"
    ),
    "capabilities": (
        "any(int(line.split()[1], 16) for line in read('/proc/self/status').splitlines() "
        "if line[:6] in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'))"
    ),
    "becoming root": "does(os.setuid, 0) or 'NoNewPrivs:\\t1' not in read('/proc/self/status')",
    "writing to system folders": (
        "any(does(open, f'{one}/x', 'w') for one in ('/usr', '/etc', '/', '/dev', '/run'))"
    ),
    "inherited descriptors": "any(os.path.exists(f'/proc/self/fd/{fd}') for fd in range(3, 256))",
}
_PROGRAM = """
import ctypes, glob, json, os, socket, sys
told = json.load(open(sys.argv[1]))
libc = ctypes.CDLL(None, use_errno=True)
def does(function, *arguments):
    try:
        function(*arguments)
    except (OSError, ValueError):
        return False
    return True
def read(path):
    try:
        return open(path, errors="replace").read()
    except OSError:
        return ""
def reads(path):
    return bool(read(path))
def opens(*how):
    return does(lambda: socket.socket(*how).close())
def connects(address, family=socket.AF_INET):
    with socket.socket(family) as sock:
        sock.settimeout(2)
        return does(sock.connect, address)
def call(name, *arguments):
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = libc.syscall(ctypes.c_long(told["numbers"][name]), *words)
    return -ctypes.get_errno() if result == -1 else result
print(json.dumps({name: not eval(probe) for name, probe in told["probes"].items()}))
"""


def probe(sandbox: Sandbox, folder: Path) -> dict[str, bool]:
    """What was tried -> whether the sandbox held it. ``folder`` is one that a helper sees, too: the runs'.

    Raises:
        OSError: the sandbox can't be set up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    python = Path(sys.executable).resolve()
    column = 0 if linux.machine() == "x86_64" else 1
    entries = [
        entry
        for entry in os.environ.items()
        if entry[0] not in ("PATH", "HOME", "LANG", "TMPDIR", "PWD")
    ]
    with (
        tempfile.TemporaryDirectory(prefix="sandbox-check-", dir=folder) as name,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "secret").write_text("secret")
        (folder / "secret").chmod(0o600)
        abstract.bind("")  # the kernel chooses a name
        abstract.listen()
        with socket.create_server(("127.0.0.1", 0)) as server:
            word = max(("=".join(entry) for entry in entries), key=len, default="nothing=")
            told = {
                "secret": str(folder / "secret"),
                "word": word[::-1],
                "maps": f"/proc/{os.getpid()}/maps",
                "port": server.getsockname()[1],
                "abstract": abstract.getsockname()[1:].decode(),
                "probes": PROBES,
                "numbers": {name: pair[column] for name, pair in NUMBERS.items()},
            }
            (folder / "told.json").write_text(json.dumps(told))
            command = SandboxCommand(
                (str(python), "-I", "-S", "-c", _PROGRAM, str(folder / "told.json")),
                cwd=folder,
                readable=(folder, python.parent, python.parent.parent / "lib"),
                timeout=60,
            )
            done = asyncio.run(sandbox.run(command))
    try:
        found: dict[str, bool] = json.loads(done.output)
    except ValueError:
        raise OSError(f"the check ended with {done.returncode}: {done.output[-500:]}") from None
    return found
