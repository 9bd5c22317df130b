"""Whether a change resolves an instance, as SWE-bench judges it: its tests laid over the change, in
the run's own environment, before the engine removes that."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ids import Found, described, files_of
from benchmarks.instances import Instance, changes
from pipeline.stage import Back, RunContext, Stop
from repository.files import is_test_file
from repository.git import Mirror
from repository.testing.models import Status, Suite, TestReport
from repository.testing.run.bed import Local, run_suite
from sandbox import Sandbox
from stages.apply_patch import Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.open_pr import OpenPullRequest
from stages.prepare_tests import test_seconds
from stages.propose_patch import Proposals
from stages.run_tests import RunTests, Verdict

_NETWORK = re.compile(
    r"gaierror|Name or service not known|name resolution|Name does not resolve|nodename nor"
    r" servname"
    r"|Network is unreachable|Max retries exceeded|Failed to establish a new connection"
)


@dataclass(frozen=True)
class Tally:
    """The listed tests of one change. A test that is in no report counts as not passed."""

    fail_to_pass: dict[str, Status | None]
    """Listed id -> how it ended, None where no report has it."""
    pass_to_pass: dict[str, Status | None]
    network: int
    """Listed tests that failed, and whose failure speaks of a network that is not there."""
    failing_for_network: int
    """Of FAIL_TO_PASS alone."""
    ran: bool
    """Some test did, listed or not."""
    said: str
    """The end of the runner's output where it did not run to its end."""

    @property
    def red(self) -> list[str]:
        """Listed tests that are not as they have to be. A skipped one of PASS_TO_PASS is neither (nor is it so to
        SWE-bench); an expected failure can't be told from it in JUnit XML."""
        broken = [
            test
            for test, status in self.pass_to_pass.items()
            if status not in ("passed", "skipped")
        ]
        return [test for test, status in self.fail_to_pass.items() if status != "passed"] + broken

    @property
    def not_found(self) -> int:
        return list((self.fail_to_pass | self.pass_to_pass).values()).count(None)

    @property
    def resolved(self) -> bool:
        return not self.red

    @property
    def resolves_failing(self) -> bool:
        return self.fail_to_pass_ok == len(self.fail_to_pass)

    @property
    def fail_to_pass_ok(self) -> int:
        return sum(status == "passed" for status in self.fail_to_pass.values())

    @property
    def pass_to_pass_ok(self) -> int:
        return sum(status in ("passed", "skipped") for status in self.pass_to_pass.values())

    def told(self) -> str:
        """What is wrong, in a line."""
        parts = []
        for name, tests, ok in (
            ("FAIL_TO_PASS", self.fail_to_pass, self.fail_to_pass_ok),
            ("PASS_TO_PASS", self.pass_to_pass, self.pass_to_pass_ok),
        ):
            if ok < len(tests):
                parts.append(f"{len(tests) - ok} of {len(tests)} {name} not passed")
        more = [f"{self.network} for want of a network"] if self.network else []
        more += [f"{self.not_found} in no report"] if self.not_found else []
        more += [f"such as {self.red[0]}"] if self.red and not more else []
        ended = (
            f"; the tests did not run to their end: {_last_line(self.said)}" if self.said else ""
        )
        return ", ".join(parts) + (f" ({', '.join(more)})" if more else "") + ended


def tally(instance: Instance, report: TestReport, sources: Iterable[str] = ()) -> Tally:
    """``sources``: of the test files, for the lists may hold docstrings."""
    found = Found(report.results, described(sources))
    listed = [*instance.fail_to_pass, *instance.pass_to_pass]
    failures = {test for test, text in report.failures.items() if _NETWORK.search(text)}
    return Tally(
        fail_to_pass={test: found.status(test) for test in instance.fail_to_pass},
        pass_to_pass={test: found.status(test) for test in instance.pass_to_pass},
        network=sum(bool(failures.intersection(found.ids(test))) for test in listed),
        failing_for_network=sum(
            bool(failures.intersection(found.ids(test))) for test in instance.fail_to_pass
        ),
        ran=report.ran,
        said=report.said,
    )


@dataclass
class Judge:
    """Judges changes of one instance; ``candidate`` and ``reference`` are what was found, for its
    row.
    """

    instance: Instance
    repository: Mirror
    sandbox: Sandbox
    candidate: Tally | None = None
    reference: Tally | None = None
    environment: str | None = None
    """Why nothing could be run at all."""
    sent_back: str | None = None
    """What ``run_tests`` last said against a change."""
    _trees: dict[str, str] = field(default_factory=dict)

    async def judge(
        self, changed: Mapping[str, bytes | None], run: RunContext, label: str
    ) -> Tally:
        return await self.run(
            changed,
            run.workspace,
            seconds=test_seconds(run),
            save=run.save,
            label=f"evaluation-{label}",
        )

    async def run(
        self,
        changed: Mapping[str, bytes | None],
        workspace: Path,
        *,
        seconds: float,
        save: Callable[[str, bytes | str], Awaitable[str]],
        label: str,
    ) -> Tally:
        """The tests are laid over the change: where both write a file, the instance's is taken."""
        laid = dict(changed) | self.of(self.instance.test_patch)
        files = self.test_files(laid, Local.read(workspace))
        report = await run_suite(
            self.sandbox,
            workspace,
            changes=laid,
            tests=files,
            seconds=seconds,
            save=save,
            label=label,
        )
        base = self.instance.base_commit
        sources = (laid.get(name) or self.repository.read(base, name) or b"" for name in files)
        return tally(self.instance, report, [source.decode(errors="replace") for source in sources])

    def test_files(self, laid: Mapping[str, bytes | None], local: Local | None) -> list[str]:
        """The files of the listed tests, and those that the instance's own tests change."""
        patterns = local.recipe.patterns if local else ()
        there = {
            entry.path for entry in self.repository.files(self.instance.base_commit)
        } | laid.keys()
        present = {name for name in there if laid.get(name, b"") is not None}
        own = [name for name in self.of(self.instance.test_patch) if is_test_file(name, patterns)]
        named = files_of([*self.instance.fail_to_pass, *self.instance.pass_to_pass], present)
        return [name for name in dict.fromkeys([*named, *own]) if name in present]

    async def judge_reference(self, run: RunContext) -> Tally:
        if self.reference is None:
            self.reference = await self.judge(self.of(self.instance.patch), run, "reference")
        return self.reference

    async def judge_candidate(self, tree: str, patch: bytes, run: RunContext) -> None:
        base = self.instance.base_commit
        if self.repository.apply(base, self.instance.patch.encode()) == tree:
            self.candidate = await self.judge_reference(run)
            return
        self.candidate = await self.judge(
            self.of(patch.decode(errors="surrogateescape")), run, "candidate"
        )
        if not self.candidate.resolved:
            await self.judge_reference(run)

    def of(self, patch: str) -> dict[str, bytes | None]:
        base = self.instance.base_commit
        tree = self.repository.apply(base, patch.encode(errors="surrogateescape"))
        return changes(self.repository, base, tree)

    def why_lost(self) -> tuple[str, str]:
        """(lost at, why) for a run that ended with a change which does not resolve the instance."""
        if self.environment:
            return "prepare_tests", f"environment: {self.environment}"
        if self.reference is not None and not self.reference.resolved:
            return "evaluation", f"environment: with the reference too, {self.reference.told()}"
        return (
            "evaluation",
            self.candidate.told() if self.candidate else "the change was not judged",
        )


class JudgedTests:
    """``run_tests``; where it sends a change back, it is seen whether the reference passes in this
    environment.
    """

    name = RunTests.name

    def __init__(self, inner: RunTests, judge: Judge):
        self._inner = inner
        self._judge = judge

    async def run(
        self,
        checkout: Checkout,
        suite: Suite,
        proposals: Proposals,
        candidates: Candidates,
        run: RunContext,
    ) -> Verdict | Back | Stop:
        answer = await self._inner.run(checkout, suite, proposals, candidates, run)
        if isinstance(answer, Back):
            self._judge.sent_back = answer.because
            await self._judge.judge_reference(run)
        return answer


class JudgedPullRequest:
    """``open_pr``, after the chosen candidate was judged."""

    name = OpenPullRequest.name

    def __init__(self, inner: OpenPullRequest, judge: Judge):
        self._inner = inner
        self._judge = judge

    async def run(
        self,
        issue: Issue,
        checkout: Checkout,
        suite: Suite,
        proposals: Proposals,
        candidates: Candidates,
        verdict: Verdict,
        run: RunContext,
    ) -> Stop:
        if suite.runnable:
            chosen = candidates.candidates[verdict.candidate]
            await self._judge.judge_candidate(chosen.tree, await run.load(chosen.patch_key), run)
        else:
            self._judge.environment = suite.reason
        return await self._inner.run(issue, checkout, proposals, candidates, verdict, run)


def judged(stages: Iterable[object], judge: Judge) -> list[object]:
    """The pipeline's stages, with the two that judge in place of theirs."""
    swapped: list[object] = []
    for stage in stages:
        if isinstance(stage, RunTests):
            swapped.append(JudgedTests(stage, judge))
        elif isinstance(stage, OpenPullRequest):
            swapped.append(JudgedPullRequest(stage, judge))
        else:
            swapped.append(stage)
    return swapped


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if not line.startswith("[")), "no output")[:200]
