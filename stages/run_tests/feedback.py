"""Feedback to the model about a candidate that is sent back.

The sentences are ours; test names, output and the patch are framed as data. The length is bounded,
the end of each failure is shown, and the text is the same in every run.
"""

from collections.abc import Sequence
from pathlib import Path

from prompts.filters import clip, code, fenced
from repository.testing.models import TestReport
from repository.testing.run.output import normalize_output
from repository.testing.trial import Trial
from stages.propose_patch import Reproduction

MAX_OUTPUT_CHARS = 6_000
MAX_PATCH_CHARS = 3_000
_MAX_FAILURES = 8
_MAX_NAMES = 20
_MAX_NAME_CHARS = 200


def describe_crash(trial: Trial, patch: bytes, workspace: Path) -> str:
    """Describe a candidate with which no test runs."""
    return _join(
        "With your change, the tests did not run to completion:",
        _output(trial.after.output, workspace, MAX_OUTPUT_CHARS),
        *_patch(patch),
    )


def describe_regressions(trial: Trial, patch: bytes, workspace: Path) -> str:
    """Describe a candidate that breaks or loses tests."""
    tests = sorted(trial.broken)
    passages = []
    if tests:
        passages.append(f"With your change, tests fail that must pass ({len(tests)}):")
        passages += _failures(tests[:_MAX_FAILURES], trial.after, workspace)
    if tests[_MAX_FAILURES:]:
        passages.append(f"These also fail: {_names(tests[_MAX_FAILURES:])}")
    if trial.lost:
        passages.append(f"Tests that passed no longer run: {_names(sorted(trial.lost))}")
        if trial.after.output:
            passages.append(_output(trial.after.output, workspace, MAX_OUTPUT_CHARS // 5))
    return _join(*passages, *_patch(patch))


def describe_failing_tests(trial: Trial, patch: bytes, workspace: Path) -> str:
    """Describe a candidate whose new tests fail with it."""
    tests = sorted(trial.failing_new)
    return _join(
        f"With your change, new tests fail ({len(tests)}); none that passed does:",
        *_failures(tests[:_MAX_FAILURES], trial.after, workspace),
        *_patch(patch),
    )


def describe_failing_reproduction(
    report: TestReport, reproduction: Reproduction, patch: bytes, workspace: Path
) -> str:
    """Describe a candidate that still fails the reproduction test."""
    tests = [test for test in reproduction.tests if test not in report.green]
    return _join(
        "With your change, the test that was made from the issue still fails:",
        *_failures(tests[:_MAX_FAILURES], report, workspace),
        *_patch(patch),
    )


def _failures(tests: Sequence[str], report: TestReport, workspace: Path) -> list[str]:
    """Return the name of each test and the end of its output."""
    chars_each = MAX_OUTPUT_CHARS // (len(tests) + 2)
    passages = []
    for test in tests:
        passages.append(f"{_name(test)}:")
        passages.append(_output(report.failures.get(test, "")[-chars_each:], workspace, chars_each))
    return passages


def _output(output: str, workspace: Path, size: int) -> str:
    return fenced(clip(normalize_output(output, workspace), size))


def _patch(patch: bytes) -> tuple[str, str]:
    change = patch.decode(errors="replace")
    return "Your change was:", fenced(clip(change, MAX_PATCH_CHARS))


def _names(tests: Sequence[str]) -> str:
    names = [_name(test) for test in tests[:_MAX_NAMES]]
    if len(tests) > _MAX_NAMES:
        names.append(f"and {len(tests) - _MAX_NAMES} more")
    return ", ".join(names)


def _name(test: str) -> str:
    return code(clip(test, _MAX_NAME_CHARS))


def _join(*passages: str) -> str:
    return "\n\n".join(passages)
