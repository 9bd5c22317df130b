"""Run a model's command, and describe how it ended."""

from repository.workspace.executor import MAX_COMMAND_BYTES, SandboxExecutor
from repository.workspace.models import CommandOutput
from repository.workspace.output import NO_NETWORK, ClippedOutput, asks_for_network
from sandbox import SandboxResult

_CANNOT_START = 126
"""The exit code that a shell uses for a program that could not be started."""


async def run_command(executor: SandboxExecutor, command: str, seconds: float) -> CommandOutput:
    problem = _find_problem(command)
    if problem is not None:
        return CommandOutput(_CANNOT_START, "", 0, False, 0.0, (problem,))
    output = ClippedOutput()
    result = await executor.run_command(command, seconds=seconds, on_output=output.add)
    output.finish()
    text = output.text()
    return CommandOutput(
        exit_code=result.returncode,
        text=text,
        left_out=output.left_out,
        timed_out=result.timed_out,
        seconds=result.seconds,
        notes=_notes(result, text, seconds),
    )


def _find_problem(command: str) -> str | None:
    """Return why a command can't be started; None if it can."""
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        return "The command was not run: it is not valid Unicode."
    if "\0" in command:
        return "The command was not run: it contains a NUL character."
    if size > MAX_COMMAND_BYTES:
        return (
            f"The command was not run: it has {size} bytes, and the limit is {MAX_COMMAND_BYTES}."
            " Write large files in several parts."
        )
    return None


def _notes(result: SandboxResult, text: str, seconds: float) -> tuple[str, ...]:
    notes: list[str] = []
    if result.timed_out:
        notes.append(
            f"The command was stopped after {seconds:g} seconds, with all processes that it"
            " started. Standard input is closed, so a program that waits for input never gets any."
        )
    if result.exceeded == "memory":
        notes.append("The command was stopped: it exceeded its memory limit.")
    elif result.exceeded == "disk":
        notes.append("The command was stopped: it exceeded its disk limit.")
    elif result.exceeded is not None:
        notes.append(f"The command was stopped: {result.exceeded}.")
    if asks_for_network(text):
        notes.append(NO_NETWORK)
    return tuple(notes)
