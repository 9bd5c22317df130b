"""A machine with something to attack: a secret, a process that has one, ports, sockets, keys,
shared memory.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox import NoIsolation, Sandbox, SandboxCommand, SandboxResult
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.syscall_table import syscall_table, this_processor
from sandbox.uid.backend import UidSandbox
from tests.stand_ins.own_folder import own_folder  # noqa: F401 - as tmp_path

HERE = Path(__file__).parent
PYTHON = Path(sys.executable).resolve()
NO_SOCKET = Path("/nonexistent")
SECRET = "the-secret-word"
PAGE = 4096
IPC_RMID = 0
READ_WRITE_FOR_ALL = 0o666
IPC_CREAT = 0o1000
KEY_SPEC_SESSION_KEYRING = -3

Attack = Callable[..., Awaitable[SandboxResult]]


@dataclass
class Outside:
    """What an attack knows about the machine outside: the environment variable OUTSIDE, as JSON."""

    secret: str
    """The path of a file."""
    word: str
    """The secret, backwards: an attack that prints what it knows does not reveal it."""
    pid: int
    """The id of a process with the secret in its environment."""
    port: int
    udp: int
    abstract: str
    socket: str
    helper: str
    """The socket of the uid backend's helper."""
    folder: str
    key: int
    shm: int
    numbers: dict[str, int]


@dataclass
class Machine:
    outside: Outside
    datagrams: socket.socket
    """Receives what attacks send to the UDP port."""
    folder: Path
    victim: "subprocess.Popen[bytes]"


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("the attacks need another user to attack: run as root")
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="attacked-"))
        folder = Path(name)
        folder.chmod(0o755)
        write_file(folder / "secret", mode=0o600)
        write_file(folder / "public", mode=0o644)
        server = stack.enter_context(socket.create_server(("", 0)))
        datagrams = stack.enter_context(bind_datagrams())
        abstract_name = f"attack-victim-{os.getpid()}"
        stack.enter_context(listen_unix(f"\0{abstract_name}"))
        stack.enter_context(listen_unix(str(folder / "socket")))
        (folder / "socket").chmod(0o777)
        shared_memory_key = make_shared_memory(stack)
        victim = start_victim(stack)
        outside = Outside(
            secret=str(folder / "secret"),
            word=SECRET[::-1],
            pid=victim.pid,
            port=server.getsockname()[1],
            udp=datagrams.getsockname()[1],
            abstract=abstract_name,
            socket=str(folder / "socket"),
            helper=str(NO_SOCKET),
            folder=name,
            key=make_key(),
            shm=shared_memory_key,
            numbers=syscall_table(this_processor()).numbers,
        )
        yield Machine(outside, datagrams, folder, victim)


def write_file(path: Path, *, mode: int) -> None:
    path.write_text(SECRET)
    path.chmod(mode)


def bind_datagrams() -> socket.socket:
    datagrams = socket.socket(type=socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    datagrams.setblocking(False)
    return datagrams


def listen_unix(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    return listener


def make_key() -> int:
    """Put a key into the keyring that a sandbox may inherit."""
    number = syscall_table(this_processor()).numbers["add_key"]
    libc = ctypes.CDLL(None)
    key: int = libc.syscall(
        number, b"user", b"attack-victim", b"key", len(b"key"), KEY_SPEC_SESSION_KEYRING
    )
    return key


def make_shared_memory(stack: ExitStack) -> int:
    """Make a System V segment that all may write; return its key."""
    libc = ctypes.CDLL(None)
    key = os.getpid()
    segment = libc.shmget(key, PAGE, IPC_CREAT | READ_WRITE_FOR_ALL)
    stack.callback(libc.shmctl, segment, IPC_RMID, None)
    return key


def start_victim(stack: ExitStack) -> "subprocess.Popen[bytes]":
    victim = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", "victim"],
        stdin=subprocess.PIPE,
        env={"GITHUB_TOKEN": SECRET},
    )
    stack.callback(victim.communicate)
    return victim


@pytest.fixture(scope="session", params=["bwrap", "uid"])
def sandbox(request: pytest.FixtureRequest, machine: Machine) -> Iterator[Sandbox]:
    """A sandbox of a worker with secrets: in its environment, and in a descriptor left open.

    The uid backend's helper starts with less than a container's default capabilities, and without
    SYS_PTRACE: the limits of Fargate, but for its kernel, on which none of this was run.
    """
    index = IndexProxy.configured({})
    try:
        if request.param == "bwrap":
            sandbox: Sandbox = BwrapSandbox(index)
        else:
            uid_sandbox = UidSandbox(NO_SOCKET, index)
            machine.outside.helper = str(uid_sandbox.path)
            sandbox = uid_sandbox
    except NoIsolation as error:
        pytest.skip(str(error))
    os.environ["GITHUB_TOKEN"] = SECRET
    os.set_inheritable(os.open(machine.folder / "secret", os.O_RDONLY), True)
    yield sandbox
    del os.environ["GITHUB_TOKEN"]


@pytest.fixture
def attack(sandbox: Sandbox, machine: Machine, tmp_path: Path) -> Attack:
    """Run a program in the sandbox, with arguments, and with options of the command."""
    work = tmp_path / "work"
    work.mkdir()

    async def run(program: Path, *arguments: str, **options: Any) -> SandboxResult:
        command = SandboxCommand(
            (str(PYTHON), "-B", str(program), *arguments),
            cwd=work,
            readable=(HERE, PYTHON.parent, PYTHON.parent.parent / "lib"),
            environment={
                "OUTSIDE": json.dumps(asdict(machine.outside)),
                "PYTHONPATH": str(HERE / "programs"),
            },
            **{"timeout": 60.0, "writable": (work,), **options},
        )
        return await sandbox.run(command)

    return run
