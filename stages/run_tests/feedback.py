"""Feedback to the model about a candidate that is sent back.

Its size is bounded, it shows the end of each failure, and it is the same in every run.
"""

from pathlib import Path

from prompts.filters import clip
from repository.testing.models import TestReport
from repository.testing.run.output import normalize_output
from stages.propose_patch import Reproduction
from stages.run_tests.trial import Trial

MAX_OUTPUT_CHARS = 6_000
MAX_PATCH_CHARS = 3_000
MAX_FEEDBACK_CHARS = MAX_OUTPUT_CHARS + MAX_PATCH_CHARS + 200
_MAX_FAILURES = 8
_MAX_LOST_TESTS = 20


def describe_crash(trial: Trial, patch: bytes, workspace: Path) -> str:
    """Describe a candidate that keeps every test from running."""
    text = f"With your change, the tests did not run to completion:\n\n{trial.after.output}"
    return _bounded(normalize_output(text, workspace), patch)


def describe_regressions(trial: Trial, patch: bytes, workspace: Path) -> str:
    """Describe a candidate that breaks or loses tests."""
    text = f"With your change, tests fail that must pass ({len(trial.broken)}):\n\n"
    text += _describe_broken(trial)
    if trial.lost:
        names = ", ".join(sorted(trial.lost)[:_MAX_LOST_TESTS])
        text += f"Tests that passed do not run any more: {names}\n{trial.after.output}"
    return _bounded(normalize_output(text, workspace), patch)


def describe_failing_reproduction(
    report: TestReport, reproduction: Reproduction, patch: bytes, workspace: Path
) -> str:
    """Describe a candidate that still fails the reproduction test."""
    failures = [
        f"{test}\n{report.failures.get(test, '')}"
        for test in reproduction.tests
        if test not in report.green
    ]
    output = "\n\n".join(failures)
    text = f"With your change, the test that was made from the issue still fails:\n\n{output}"
    return _bounded(normalize_output(text, workspace), patch)


def _describe_broken(trial: Trial) -> str:
    tests = sorted(trial.broken)
    shown = tests[:_MAX_FAILURES]
    others = tests[_MAX_FAILURES:]
    chars_each = MAX_OUTPUT_CHARS // (len(shown) + 2)
    text = ""
    for test in shown:
        failure = trial.after.failures.get(test, "")
        text += f"{test}\n{failure[-chars_each:]}\n\n"
    if others:
        text += f"and {', '.join(others)}\n\n"
    return text


def _bounded(text: str, patch: bytes) -> str:
    change = clip(patch.decode(errors="replace"), MAX_PATCH_CHARS)
    return f"{clip(text, MAX_OUTPUT_CHARS)}\n\nYour change was:\n\n{change}"
