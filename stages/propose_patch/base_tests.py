"""Run new tests on the base commit: they fail because of the issue, pass, or prove nothing."""

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.outcome import Facts, Outcome
from pipeline.stage import Stop
from prompts.filters import clip, code, fenced, one_line
from repository.files import is_test_file
from repository.testing.models import TestReport, count_tests
from repository.testing.run.output import normalize_output
from stages.propose_patch.base_code import EditedTree
from stages.propose_patch.replies import MAX_REASON
from stages.propose_patch.task import Task

#: Characters of a failure that are shown to the model.
SHOWN_FAILURE = 3_000
#: Characters of an explanation: a failure in its frame, and a sentence.
MAX_EXPLANATION = 4_000
_RAISED = re.compile(r"^(?:E\s+)?(?:[\w.]+\.)?(\w+(?:Error|Exception))\b", re.M)
_MISSING = re.compile(
    r"(?:has no attribute|unexpected keyword argument|cannot import name|No module"
    r" named|fixture|name) '([\w.]+)'"
    r"(?! is not a package)"
)
#: Errors that indicate a bug in the test itself.
_TEST_BUGS = frozenset(
    {"ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "NameError"}
)

Kind = Literal["fails", "passes", "proves nothing"]


@dataclass(frozen=True)
class BaseResult:
    """Result of running new tests on the base commit."""

    kind: Kind
    explanation: str
    """The output of a failure if ``kind`` is "fails"; else a message for the model, with
    output framed as data."""
    tests: tuple[str, ...] = ()
    """Ids of the failing tests if ``kind`` is "fails", of the passing ones if it is "passes"."""
    files: dict[str, str] = field(default_factory=dict)
    """Path -> text of the new files."""
    log_key: str = ""
    patch_key: str = ""


async def run_on_base(task: Task, tree: EditedTree, label: str) -> BaseResult:
    """Run new test files on the base commit; ``tree`` is the base with only those files added."""
    bed = task.open_test_bed()
    assert bed  # noqa: S101 (the suite is runnable)
    for path in tree.paths:
        if await asyncio.to_thread(task.base.has, path):
            return _not_a_new_test(f"{code(path)} already exists")
    tests = [path for path in tree.paths if is_test_file(path, bed.recipe.patterns)]
    if not tests:
        return _not_a_new_test("no file has a name by which the runner recognizes tests")
    changes = await asyncio.to_thread(task.base.changes, tree)
    report = await bed.run(changes, tests, label=label)
    patch = await asyncio.to_thread(task.base.diff, tree)
    kind, explanation, ids = classify(report, task.issue.text, bed.folder_inside)
    texts = {path: data.decode() for path, data in changes.items() if data is not None}
    return BaseResult(
        kind=kind,
        explanation=explanation,
        tests=ids,
        files=texts,
        log_key=report.log_key,
        patch_key=await task.run.save(f"{label}.diff", patch),
    )


def _not_a_new_test(why: str) -> BaseResult:
    return BaseResult("proves nothing", f"Write the test as one new test file: {why}.")


def classify(report: TestReport, issue: str, workspace: Path) -> tuple[Kind, str, tuple[str, ...]]:
    """Return ``kind``, ``explanation`` and ``tests`` of a BaseResult."""
    if not report.completed:
        output = _shown(report.output, workspace)
        explanation = f"The test could not be run on the unchanged repository:\n\n{fenced(output)}"
        return "proves nothing", explanation, ()
    if report.red:
        return _classify_failures(report, issue, workspace)
    if not report.green:
        return "proves nothing", "None of its tests was run.", ()
    explanation = "It passes on the unchanged repository, so it does not reproduce the issue."
    return "passes", explanation, tuple(sorted(report.green))


def _classify_failures(
    report: TestReport, issue: str, workspace: Path
) -> tuple[Kind, str, tuple[str, ...]]:
    """Return whether a test fails because of the issue; see ``classify``."""
    failing = sorted(report.red)
    genuine: list[str] = []
    for test in failing:
        output = normalize_output(report.failures.get(test, ""), workspace)
        if not is_test_bug(output, issue):
            genuine.append(test)
    first = genuine[0] if genuine else failing[0]
    shown = _shown(report.failures.get(first, ""), workspace)
    if genuine:
        return "fails", shown, tuple(genuine)
    explanation = f"It fails, but not because of the issue:\n\n{fenced(shown)}"
    return "proves nothing", explanation, ()


def _shown(output: str, workspace: Path) -> str:
    """Return the part of an output that the model sees: its end."""
    return normalize_output(output, workspace)[-SHOWN_FAILURE:]


def is_test_bug(failure: str, issue: str) -> bool:
    """Whether the test itself is wrong: it uses an unknown name that the issue does not mention."""
    raised = _RAISED.findall(failure)[-1:]
    missing = _MISSING.findall(failure)
    if not missing and not _TEST_BUGS.intersection(raised):
        return False
    return not any(re.search(rf"\b{re.escape(name)}\b", issue) for name in [*raised, *missing])


def stop_for_passing_tests(proof: BaseResult, why: str) -> Stop:
    """Return the end of a run whose tests, made from the issue, pass on the base.

    The tests and their log are attached; ``why`` is the model's explanation.
    """
    count = len(proof.tests)
    verb = "passes" if count == 1 else "pass"
    reason = (
        f"{count_tests(count)} made from the issue {verb} on the base commit; the model says:"
        f" {clip(one_line(why), MAX_REASON)}"
    )
    evidence = {"reproduction": proof.patch_key, "test log": proof.log_key}
    return Stop(Outcome.NO_CHANGE_NEEDED, reason, Facts(artifacts=evidence))
