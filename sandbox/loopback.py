"""The check that a command in a sandbox reaches its own servers, as many test suites need to.

It runs a session like any other: whether a container's runtime allows what the ``uid`` sandbox does
is known only once it has done it.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox import Sandbox, SandboxCommand

_PROGRAM = Path(__file__).with_name("loopback_program.py")
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class LoopbackReport:
    reached: dict[str, bool]
    """The kind of a server (TCP, UDP, unix) -> whether the session reached its own one."""
    reason: str | None
    """Why it did not, if the sandbox knows."""

    def fault(self) -> str | None:
        """Return a sentence about what does not work; None if everything does."""
        if all(self.reached.values()):
            return None
        if self.reason is not None:
            return self.reason
        kinds = ", ".join(kind for kind, is_reached in self.reached.items() if not is_reached)
        return f"its own servers can't be reached: {kinds}"


async def check_loopback(sandbox: Sandbox) -> LoopbackReport:
    """Run a session that connects to its own servers.

    Raises:
        OSError: the session can't be set up, or its program could not run.
    """
    result = await sandbox.run(_command())
    text, _, _ = result.output.partition("\n")
    try:
        reached: dict[str, bool] = json.loads(text)
    except ValueError:
        output = result.output[-500:].strip()
        raise OSError(
            f"the check of its own servers ended with {result.returncode}: {output}"
        ) from None
    return LoopbackReport(reached, result.degraded)


def _command() -> SandboxCommand:
    python = Path(sys.executable).resolve()
    return SandboxCommand(
        (str(python), "-I", "-S", "-c", _PROGRAM.read_text(encoding="utf-8")),
        cwd=Path("/"),
        readable=(python.parent, python.parent.parent / "lib"),
        timeout=_TIMEOUT_SECONDS,
    )
