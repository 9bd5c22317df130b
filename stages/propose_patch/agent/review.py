"""The answer to the first ``submit``: the diff, the files left out, the tests, a checklist."""

import asyncio
import time

from prompts.filters import clip, code, fenced
from repository.files import belongs_to_tests
from repository.testing.change_tester import ChangeTester
from repository.testing.models import count_tests
from repository.testing.trial import Trial
from stages.propose_patch.agent import messages
from stages.propose_patch.agent.submission import Submission
from stages.propose_patch.task import Task

MAX_DIFF = 20_000
MAX_FAILURE = 3_000
MAX_FAILURES = 8
#: Test runs of a review: with only the change's tests, with the whole change, and a repetition.
_RUNS = 3


async def review(task: Task, submission: Submission, label: str, seconds_left: float) -> str:
    """Return a review of the change.

    Args:
        task: the round's task.
        submission: the change.
        label: names the logs of its test runs.
        seconds_left: time limit of the tests.
    """
    base = task.base
    diff = await asyncio.to_thread(base.mirror.diff, base.mirror.tree_of(base.sha), submission.tree)
    shown = fenced(clip(diff.decode(errors="replace"), MAX_DIFF))
    parts = [f"This is the change that would be submitted:\n\n{shown}"]
    if submission.left_out:
        parts.append(messages.left_out(submission.left_out))
    if submission.applied.notices:
        notices = "\n".join(f"- {notice}" for notice in submission.applied.notices)
        parts.append(f"The pull request will mention:\n{notices}")
    if submission.unused:
        parts.append(messages.unused_files(submission.unused, submission.scratch))
    parts.append(await _test(task, submission, label, seconds_left))
    parts.append(messages.CHECKLIST)
    return "\n\n".join(parts)


async def _test(task: Task, submission: Submission, label: str, seconds_left: float) -> str:
    """Run the tests that decide about the change, in a fresh tree, and describe their results."""
    suite = task.suite
    bed = task.open_test_bed()
    if bed is None or suite.base is None:
        return messages.tests_cannot_run(suite.reason)
    if _RUNS * suite.base.seconds > seconds_left:
        return messages.TESTS_TAKE_TOO_LONG
    end = time.monotonic() + seconds_left
    tester = ChangeTester(bed, task.base.mirror, suite, suite.base)
    trial = await tester.try_change(submission.applied.contents, label)
    if trial.accused:
        trial = await tester.repeat(
            submission.applied.contents, trial, label, lambda: end - time.monotonic()
        )
    has_tests = any(
        belongs_to_tests(path, bed.recipe.patterns) for path in submission.applied.files
    )
    return describe_trial(trial, has_tests=has_tests)


def describe_trial(trial: Trial, *, has_tests: bool) -> str:
    """Describe the test results in a fresh tree with only the change."""
    after = trial.after
    if not trial.has_tests:
        return messages.NO_TEST
    if not after.results:
        output = fenced(clip(after.output, MAX_FAILURE))
        return f"In a fresh copy with only this change, the tests did not run:\n\n{output}"
    parts = [
        f"In a fresh copy with only this change, {count_tests(len(after.green))} passed and"
        f" {len(after.red)} failed."
    ]
    if trial.broken or trial.failing_new:
        parts.append(_describe_broken(trial))
    if trial.lost:
        names = messages.listing(sorted(trial.lost))
        parts.append(f"Passed without the change, but do not run with it: {names}.")
    if trial.fixed:
        names = messages.listing(sorted(trial.fixed))
        parts.append(f"Failed without the change and pass with it: {names}.")
    elif has_tests:
        parts.append(messages.TEST_PROVES_NOTHING)
    else:
        parts.append(messages.NO_TEST)
    return "\n\n".join(parts)


def _describe_broken(trial: Trial) -> str:
    broken = sorted(trial.broken | trial.failing_new)
    parts = [
        "**The change will not be accepted as it is**: these tests fail, but did not fail without"
        f" it: {messages.listing(broken)}."
    ]
    for test in broken[:MAX_FAILURES]:
        output = clip(trial.after.failures.get(test, ""), MAX_FAILURE)
        parts.append(f"{code(clip(test, 300))}:\n\n{fenced(output)}")
    return "\n\n".join(parts)
