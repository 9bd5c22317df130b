"""The checks of ``coding-agent sandbox check``: try a dozen ways to escape from a sandbox.

They are the short attacks of the project's attack suite (the rest are in its tests), and need no
setup outside the sandbox beyond what is created here.
"""

import asyncio
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox import Sandbox, SandboxCommand
from sandbox.environment import base_environment
from sandbox.syscall_table import syscall_table, this_processor

_PROGRAM = Path(__file__).with_name("probe_program.py")
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Outside:
    """Targets for the probe program: resources of this process."""

    secret_file: str
    """A file that only its owner can read."""
    variable_reversed: str
    """A variable of this process's environment, reversed."""
    memory_map: str
    port: int
    """A port on loopback."""
    abstract_socket: str
    syscall_numbers: dict[str, int]


def probe(sandbox: Sandbox, folder: Path) -> dict[str, bool]:
    """Try to escape from a sandbox; return each probe's name -> whether the sandbox blocked it.

    Args:
        sandbox: the sandbox to try.
        folder: for temporary files; a helper in another container must see it, too.

    Raises:
        OSError: the sandbox can't be set up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sandbox-check-", dir=folder) as name:
        own_folder = Path(name)
        own_folder.chmod(0o755)
        with _things_outside(own_folder) as outside:
            file = own_folder / "outside.json"
            file.write_text(json.dumps(asdict(outside)))
            result = asyncio.run(sandbox.run(_command(own_folder, file)))
    try:
        # A note of the sandbox's own may follow.
        held: dict[str, bool] = json.loads(result.output.partition("\n")[0])
    except ValueError:
        output = result.output[-500:]
        raise OSError(f"the check ended with {result.returncode}: {output}") from None
    return held


def _command(folder: Path, outside: Path) -> SandboxCommand:
    python = Path(sys.executable).resolve()
    program = _PROGRAM.read_text(encoding="utf-8")
    return SandboxCommand(
        (str(python), "-I", "-S", "-c", program, str(outside)),
        cwd=folder,
        readable=(folder, python.parent, python.parent.parent / "lib"),
        timeout=_TIMEOUT_SECONDS,
    )


@contextmanager
def _things_outside(folder: Path) -> Iterator[Outside]:
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text("secret")
    with (
        socket.socket(socket.AF_UNIX) as abstract,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        abstract.bind("")  # the kernel chooses a name
        abstract.listen()
        yield Outside(
            secret_file=str(secret),
            variable_reversed=_longest_variable()[::-1],
            memory_map=f"/proc/{os.getpid()}/maps",
            port=server.getsockname()[1],
            abstract_socket=abstract.getsockname()[1:].decode(),
            syscall_numbers=syscall_table(this_processor()).numbers,
        )


def _longest_variable() -> str:
    """Return the longest variable of this process whose name no sandbox sets itself."""
    common = {*base_environment(Path(), Path()), "PWD"}
    variables = [f"{name}={value}" for name, value in os.environ.items() if name not in common]
    return max(variables, key=len, default="nothing=")
