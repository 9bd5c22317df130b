"""Whether the sandbox can run a command now, and what such a command can't do."""

from sandbox import Sandbox
from sandbox.loopback import check_loopback


async def try_sandbox(sandbox: Sandbox) -> str | None:
    """Run a command that connects to its own servers.

    Return a sentence about what does not work; None if everything does.

    Raises:
        OSError: it could not be run.
    """
    report = await check_loopback(sandbox)
    return report.fault()
