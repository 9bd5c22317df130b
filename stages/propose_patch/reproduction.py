"""A reproduction test from the issue: kept only where it fails on the base, and for the issue's
reason.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipeline.model import Message
from pipeline.model.failures import ModelError
from pipeline.outcome import Facts, Outcome
from pipeline.stage import Stop
from prompts.filters import clip, one_line
from repository.edits.apply_reply import apply_reply
from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.files import belongs_to_tests, is_test_file
from repository.testing.models import TestReport
from repository.testing.run.output import normalize_output
from stages.propose_patch.results import Proposal, Reproduction
from stages.propose_patch.task import MAX_REASON, Task, holds_edit, needs_info

MAX_CALLS = 2
SHOWN_FAILURE = 3_000
"""Characters."""
_FIXED = re.compile(r"^\W*ALREADY_FIXED\W*:\s*(?P<why>\S.*)", re.M | re.S)
_RAISED = re.compile(r"^(?:E\s+)?(?:[\w.]+\.)?(\w+(?:Error|Exception))\b", re.M)
_MISSING = re.compile(
    r"(?:has no attribute|unexpected keyword argument|cannot import name|No module"
    r" named|fixture|name) '([\w.]+)'"
    r"(?! is not a package)"
)
_OWN_FAULT = frozenset(
    {"ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "NameError"}
)


class Finding(BaseModel):
    """What was found about the issue, once a run."""

    model_config = ConfigDict(frozen=True)

    test: Reproduction | None = None
    proposal: Proposal | None = None
    """A reply that changed more than tests: it is taken as a candidate."""
    outcome: Outcome | None = None
    reason: str = ""
    artifacts: dict[str, str] = {}
    templates: dict[str, str] = {}
    """Template -> hash, of those that were used for it."""

    @property
    def stop(self) -> Stop | None:
        return (
            Stop(self.outcome, self.reason, Facts(artifacts=self.artifacts))
            if self.outcome
            else None
        )


@dataclass(frozen=True)
class OnBase:
    """What new tests do on the base commit."""

    kind: Literal["fails", "passes", "proves nothing"]
    said: str = ""
    """Why not, for the model; of one that fails, what it says."""
    tests: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    log_key: str = ""
    patch_key: str = ""


async def reproduce(task: Task) -> Finding:
    """Found once a run, and kept: later rounds and other machines neither ask nor test again."""
    if not task.suite.runnable:
        return Finding()
    name = "reproduction"
    found = Finding.model_validate_json(await task.run.remember(name, lambda: _found(task)))
    task.used.update(found.templates)
    return found


async def _found(task: Task) -> str:
    found = await _find(task)
    return found.model_copy(update={"templates": dict(task.used)}).model_dump_json()


async def _find(task: Task) -> Finding:
    messages = await asyncio.to_thread(task.messages, "reproduce_system", "reproduce")
    tried: OnBase | None = None
    for number in range(MAX_CALLS):
        label = f"reproduce-{number}"
        try:
            reply, exchange = await task.ask(
                label, messages, temperature=0.0, key=f"run/{label}", hints="reproduce"
            )
        except ModelError:
            task.run.progress("no reproduction test: the prompt is longer than the model's context")
            break
        if not holds_edit(reply.content):
            return _said(reply.content, exchange, tried)
        try:
            tree, paths = await asyncio.to_thread(_apply, task, reply.content)
        except EditFailed as error:
            tried = OnBase("proves nothing", str(error))
        else:
            if not only_tests(task, paths):
                return Finding(
                    proposal=Proposal(reply=reply.content, exchange_key=exchange, model=reply.model)
                )
            tried = await on_base(task, tree, paths, label)
        if tried.kind == "fails":
            task.run.progress(f"reproduced: {len(tried.tests)} new tests fail on the base")
            return Finding(
                test=Reproduction(
                    files=tried.files, tests=tried.tests, failure=tried.said, log_key=tried.log_key
                )
            )
        task.run.progress(f"the reproduction test is not kept: {one_line(clip(tried.said, 200))}")
        said = clip(tried.said, SHOWN_FAILURE)
        (again,) = await asyncio.to_thread(task.render, ("reproduce_again", {"failure": said}))
        turn = (
            Message(role="assistant", content=reply.content),
            Message(role="user", content=again),
        )
        messages = (*messages, *turn)
    return Finding()


def _apply(task: Task, reply: str) -> tuple[str, list[str]]:
    """Return the tree of the base commit with a reply applied, and the changed paths."""
    base = task.checkout.base_sha
    files = EditableFiles.of_tree(task.mirror, base)
    applied = apply_reply(reply, files, task.policy)
    return task.mirror.write_tree(base, applied.files), sorted(applied.files)


def _said(text: str, exchange: str, tried: OnBase | None) -> Finding:
    """A reply without a test: the issue lacks something, or a test that passes on the base shows
    that it is mended.
    """
    if stop := needs_info(text, exchange):
        return Finding(outcome=stop.outcome, reason=stop.reason, artifacts=stop.facts.artifacts)
    fixed = _FIXED.search(text)
    if fixed and tried and tried.kind == "passes":
        stop = unneeded(tried, fixed["why"])
        return Finding(outcome=stop.outcome, reason=stop.reason, artifacts=stop.facts.artifacts)
    return Finding()


def unneeded(proof: OnBase, why: str) -> Stop:
    """The end of a run whose tests, made from the issue, pass on the base; they and their log are
    attached.
    """
    passing = (
        f"{len(proof.tests)} test{'s' * (len(proof.tests) != 1)} made from the issue pass on the"
        " base commit"
    )
    reason = f"{passing}; the model says: {clip(one_line(why), MAX_REASON)}"
    evidence = {"reproduction": proof.patch_key, "test log": proof.log_key}
    return Stop(Outcome.NO_CHANGE_NEEDED, reason, Facts(artifacts=evidence))


def only_tests(task: Task, paths: Sequence[str]) -> bool:
    patterns = task.suite.recipe.patterns if task.suite.recipe else ()
    return all(belongs_to_tests(path, patterns) for path in paths)


async def on_base(task: Task, tree: str, paths: Sequence[str], label: str) -> OnBase:
    """Run new test files on the base commit. ``tree`` is the base with them and nothing else."""
    bed = task.open_test_bed()
    assert bed  # noqa: S101 (the suite is runnable)
    base = task.checkout.base_sha
    files = {path: await asyncio.to_thread(task.mirror.read, tree, path) for path in paths}
    known = [
        path for path in paths if await asyncio.to_thread(task.mirror.read, base, path) is not None
    ]
    tests = [path for path in paths if is_test_file(path, bed.recipe.patterns)]
    if known or not tests:
        why = (
            f"{known[0]} is there already"
            if known
            else "no file has a name that the runner takes for a test's"
        )
        return OnBase("proves nothing", f"Write the test as one new test file: {why}.")
    report = await bed.run(files, tests, label=label)
    patch = await asyncio.to_thread(lambda: task.mirror.diff(task.mirror.tree_of(base), tree))
    texts = {path: text.decode() for path, text in files.items() if text is not None}
    kept = OnBase(
        "proves nothing",
        log_key=report.log_key,
        patch_key=await task.run.save(f"{label}.diff", patch),
    )
    return replace(kept, files=texts, **judged(report, task.issue.text, task.run.workspace))


def judged(report: TestReport, issue: str, workspace: Path) -> dict[str, Any]:
    """``kind``, ``said`` and ``tests`` of an OnBase."""
    failures = {test: normalize_output(text, workspace) for test, text in report.failures.items()}
    if not report.completed:
        said = normalize_output(report.output, workspace)[-SHOWN_FAILURE:]
        return {"said": f"The test could not be run on the repository as it is:\n\n{said}"}
    reds = sorted(report.red)
    good = [test for test in reds if not own_fault(failures.get(test, ""), issue)]
    if good:
        return {
            "kind": "fails",
            "tests": tuple(good),
            "said": failures.get(good[0], "")[-SHOWN_FAILURE:],
        }
    if reds:
        said = failures.get(reds[0], "")[-SHOWN_FAILURE:]
        return {"said": f"It fails, but for a reason of its own and not the issue's:\n\n{said}"}
    if not report.green:
        return {"said": "No test of it was run."}
    said = "It passes on the repository as it is, so it does not show what the issue is about."
    return {"kind": "passes", "tests": tuple(sorted(report.green)), "said": said}


def own_fault(failure: str, issue: str) -> bool:
    """The test itself is wrong: it wants a name that is nowhere, and that the issue does not speak
    of.
    """
    raised = _RAISED.findall(failure)
    missing = _MISSING.findall(failure)
    if not ((raised and raised[-1] in _OWN_FAULT) or missing):
        return False
    return not any(re.search(rf"\b{re.escape(name)}\b", issue) for name in [*raised[-1:], *missing])
