"""A machine with something to attack: a secret, a process that has one, ports, sockets, keys,
shared memory.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import NoIsolation, Sandbox, SandboxCommand, SandboxResult
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.syscall_table import syscall_table, this_processor
from sandbox.uid.backend import UidSandbox
from tests.stand_ins.own_folder import own_folder  # noqa: F401 - as tmp_path

HERE = Path(__file__).parent
PYTHON = Path(sys.executable).resolve()
WORD = "drow-terces-eht"
"""The secret, backwards: an attack that prints what it was told does not find it."""


@dataclass
class Machine:
    told: dict[str, object]
    datagrams: socket.socket
    folder: Path
    victim: "subprocess.Popen[bytes]"


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("the attacks need somebody else to attack: run as root")
    with tempfile.TemporaryDirectory(prefix="attacked-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file, mode in (("secret", 0o600), ("public", 0o644)):
            (folder / file).write_text(WORD[::-1])
            (folder / file).chmod(mode)
        stream = socket.create_server(("", 0))
        datagrams = socket.socket(type=socket.SOCK_DGRAM)
        datagrams.bind(("127.0.0.1", 0))
        datagrams.setblocking(False)
        abstract = socket.socket(socket.AF_UNIX)
        named = socket.socket(socket.AF_UNIX)
        abstract.bind(f"\0attack-victim-{os.getpid()}")
        named.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o777)
        for listener in (abstract, named):
            listener.listen()
        numbers = syscall_table(this_processor()).numbers
        libc = ctypes.CDLL(None)
        key = libc.syscall(numbers["add_key"], b"user", b"attack-victim", b"key", 3, -3)
        shm = libc.shmget(os.getpid(), 4096, 0o1666)
        victim = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()", "victim"],
            stdin=subprocess.PIPE,
            env={"GITHUB_TOKEN": WORD[::-1]},
        )
        told = {
            "secret": str(folder / "secret"),
            "word": WORD,
            "pid": victim.pid,
            "port": stream.getsockname()[1],
            "udp": datagrams.getsockname()[1],
            "abstract": f"attack-victim-{os.getpid()}",
            "socket": str(folder / "socket"),
            "helper": "/nonexistent",
            "folder": name,
            "key": key,
            "shm": os.getpid(),
            "numbers": numbers,
        }
        try:
            with stream, datagrams, abstract, named:
                yield Machine(told, datagrams, folder, victim)
        finally:
            libc.shmctl(shm, 0, None)
            victim.communicate()


@pytest.fixture(scope="session", params=["bwrap", "uid"])
def sandbox(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Sandbox]:
    index = IndexProxy.configured({})
    try:
        # The helper starts with less than a container's default capabilities, and without
        # SYS_PTRACE: Fargate's limits, but for the kernel there, on which none of this was run.
        made = (
            BwrapSandbox(index)
            if request.param == "bwrap"
            else UidSandbox(Path("/nonexistent"), index)
        )
    except NoIsolation as error:
        pytest.skip(str(error))
    if isinstance(made, UidSandbox):
        machine.told["helper"] = str(made.path)
    # As a worker might be: with secrets in its environment, descriptors open, on its standard
    # input.
    os.environ["GITHUB_TOKEN"] = WORD[::-1]
    os.set_inheritable(os.open(machine.folder / "secret", os.O_RDONLY), True)
    yield made
    del os.environ["GITHUB_TOKEN"]


@pytest.fixture
def attack(sandbox: Sandbox, machine: Machine, tmp_path: Path):
    async def run(program: Path, *arguments: str, **more: object) -> SandboxResult:
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        environment = {"OUTSIDE": json.dumps(machine.told), "PYTHONPATH": str(HERE / "programs")}
        readable = (HERE, PYTHON.parent, PYTHON.parent.parent / "lib")
        command = SandboxCommand(
            (str(PYTHON), "-B", str(program), *arguments),
            cwd=work,
            writable=(work,),
            readable=readable,
            environment=environment,
            **{"timeout": 60.0} | more,
        )  # type: ignore[arg-type]
        return await sandbox.run(command)

    return run


def alive(pid: int) -> bool:
    try:
        os.kill(pid, signal.Signals(0)) if pid else None
    except ProcessLookupError:
        return False
    return True
