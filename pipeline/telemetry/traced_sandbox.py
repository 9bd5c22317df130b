"""A sandbox whose commands are spans, without their arguments and output."""

from pathlib import Path

from pipeline.telemetry import names
from pipeline.telemetry.spans import Tracer
from sandbox import Sandbox, SandboxCommand, SandboxResult


class TracedSandbox:
    """Passes everything on to another sandbox."""

    def __init__(self, sandbox: Sandbox, tracer: Tracer):
        self.name = sandbox.name
        self._sandbox = sandbox
        self._tracer = tracer

    def path_inside(self, run_folder: Path) -> Path:
        return self._sandbox.path_inside(run_folder)

    async def run(self, command: SandboxCommand) -> SandboxResult:
        with self._tracer.span(names.SANDBOX, {names.NETWORK: command.network}) as span:
            result = await self._sandbox.run(command)
            span.set({names.EXIT_CODE: result.returncode})
            exceeded = "time" if result.timed_out else result.exceeded
            if exceeded is not None:
                span.set({names.EXCEEDED: exceeded})
            return result
