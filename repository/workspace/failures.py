"""Explain why one of the workspace's own programs failed."""

from sandbox import SandboxResult

_MAX_REASON = 200


def explain_failure(result: SandboxResult) -> str:
    """Return the limit that ended a program, its last line of output, or else its exit code."""
    lines = result.output.strip().splitlines()
    if result.timed_out or result.exceeded or not lines:
        return result.describe_end()
    return lines[-1][:_MAX_REASON]
