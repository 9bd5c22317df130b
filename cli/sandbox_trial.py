"""Whether the sandbox can run a command now."""

from pathlib import Path

from sandbox import Sandbox, SandboxCommand

_COMMAND = SandboxCommand(("/bin/true",), cwd=Path("/"), timeout=5.0)


async def try_sandbox(sandbox: Sandbox) -> None:
    """Run a command that does nothing.

    Raises:
        OSError: it could not be run.
    """
    result = await sandbox.run(_COMMAND)
    if result.returncode != 0:
        raise OSError(f"the {sandbox.name} sandbox can't run /bin/true: {result.describe_end()}")
