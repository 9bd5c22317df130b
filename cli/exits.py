"""Exit codes, the same for every command; README.md lists them."""

from pipeline.outcome import Outcome

OK = 0
ERROR = 1
USAGE = 2
"""Bad input, or a setting that is missing or wrong (click's own code for usage errors)."""
NO_FIX = 3
"""The run ended normally, without a change: no_fix, needs_info, rejected, budget_exhausted or
cancelled.
"""
FAILED = 4
"""Infrastructure failed after every retry: the run can be replayed."""
INTERRUPTED = 130


def of(outcome: Outcome) -> int:
    """Return the exit code for a run's outcome."""
    if outcome.is_success:
        return OK
    if outcome is Outcome.FAILED:
        return FAILED
    return NO_FIX
