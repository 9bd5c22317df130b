"""Judge by SWE-bench's rule whether a change resolves an instance.

The instance's tests are applied over the change and run in the run's own environment, before the
engine removes it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.ids import TestFinder, files_of, index_docstrings
from benchmarks.instances import Instance, read_changes
from benchmarks.watched_engine import Ending, WatchedTests, Wrap
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.stage import Back, RunContext, Stop
from repository.files import is_test_file
from repository.git import Mirror
from repository.testing.folders import Changes
from repository.testing.models import Status, Suite, TestReport
from repository.testing.run.bed import TestBed
from repository.testing.run.output import last_printed_line
from sandbox import Sandbox
from stages.apply_patch import Candidates
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.open_pr import OpenPullRequest
from stages.prepare_tests import open_test_bed
from stages.propose_patch import Proposals
from stages.run_tests import RunTests, Verdict

_NETWORK = re.compile(
    r"gaierror|Name or service not known|name resolution|Name does not resolve|nodename nor"
    r" servname"
    r"|Network is unreachable|Max retries exceeded|Failed to establish a new connection"
)


@dataclass(frozen=True)
class Tally:
    """Statuses of the listed tests with a change; tests not in the report count as not passed."""

    fail_to_pass: dict[str, Status | None]
    """Listed id -> status; None if it is not in the report."""
    pass_to_pass: dict[str, Status | None]
    network: int
    """Number of listed tests that fail because there is no network."""
    failing_for_network: int
    """The same, only for FAIL_TO_PASS."""
    ran: bool
    """Whether at least one test ran, listed or not."""
    output: str
    """The end of the runner's output if it did not run to completion."""

    @property
    def red(self) -> list[str]:
        """Listed tests that do not have the required status.

        As in SWE-bench, skipped tests of PASS_TO_PASS are not among them: JUnit XML does not
        distinguish them from expected failures.
        """
        failing = [test for test, status in self.fail_to_pass.items() if status != "passed"]
        broken = [
            test
            for test, status in self.pass_to_pass.items()
            if status not in ("passed", "skipped")
        ]
        return failing + broken

    @property
    def not_found(self) -> int:
        statuses = {**self.fail_to_pass, **self.pass_to_pass}
        return list(statuses.values()).count(None)

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

    def problem(self) -> str:
        """Describe in one line what is wrong."""
        counts: list[str] = []
        for name, tests, passed in (
            ("FAIL_TO_PASS", self.fail_to_pass, self.fail_to_pass_ok),
            ("PASS_TO_PASS", self.pass_to_pass, self.pass_to_pass_ok),
        ):
            if passed < len(tests):
                counts.append(f"{len(tests) - passed} of {len(tests)} {name} not passed")
        text = ", ".join(counts)
        details = self._details()
        if details:
            text += f" ({', '.join(details)})"
        if self.output:
            last_line = last_printed_line(self.output) or "no output"
            text += f"; the tests did not run to completion: {last_line}"
        return text

    def _details(self) -> list[str]:
        details: list[str] = []
        if self.network:
            details.append(f"{self.network} for lack of a network")
        if self.not_found:
            details.append(f"{self.not_found} in no report")
        if self.red and not details:
            details.append(f"such as {self.red[0]}")
        return details


def tally(instance: Instance, report: TestReport, sources: Iterable[str] = ()) -> Tally:
    """Look up the listed tests in a report.

    ``sources`` are the texts of the test files, since the lists may contain docstrings.
    """
    finder = TestFinder(report.results, index_docstrings(sources))
    failures = {test for test, text in report.failures.items() if _NETWORK.search(text)}

    def count_network(listed: Iterable[str]) -> int:
        return sum(bool(failures.intersection(finder.ids(test))) for test in listed)

    return Tally(
        fail_to_pass={test: finder.status(test) for test in instance.fail_to_pass},
        pass_to_pass={test: finder.status(test) for test in instance.pass_to_pass},
        network=count_network([*instance.fail_to_pass, *instance.pass_to_pass]),
        failing_for_network=count_network(instance.fail_to_pass),
        ran=report.ran,
        output=report.output,
    )


@dataclass(frozen=True)
class Findings:
    """A judge's results for a run; see the fields of ``Judge``."""

    candidate: Tally | None
    reference: Tally | None
    environment: str | None
    feedback: str | None


_FINDINGS = TypeAdapter(Findings)
_FILE = "judged.json"


@dataclass
class Judge:
    """Judges changes for one instance, and stores the results for its row."""

    instance: Instance
    repository: Mirror
    sandbox: Sandbox
    candidate: Tally | None = None
    reference: Tally | None = None
    environment: str | None = None
    """Why no test could be run."""
    feedback: str | None = None
    """Why ``run_tests`` last sent a change back."""
    folder: Path | None = None
    """Where the results are stored, for another process that continues the run after its tests."""

    def save(self) -> None:
        if self.folder is None:
            return
        findings = Findings(self.candidate, self.reference, self.environment, self.feedback)
        FolderArtifacts(self.folder).put(_FILE, _FINDINGS.dump_json(findings))

    def load(self) -> None:
        """Read what an earlier process saved, if anything."""
        if self.folder is None or not (self.folder / _FILE).exists():
            return
        findings = _FINDINGS.validate_json((self.folder / _FILE).read_bytes())
        self.candidate = findings.candidate
        self.reference = findings.reference
        self.environment = findings.environment
        self.feedback = findings.feedback

    async def run(self, changed: Changes, bed: TestBed, label: str) -> Tally:
        """Run the tests on a change; if both write a file, the instance's version wins."""
        combined = {**changed, **self.changes_of(self.instance.test_patch)}
        files = self.test_files(combined, bed.recipe.patterns)
        report = await bed.run(combined, files, label=label)
        sources = [self._source(path, combined) for path in files]
        return tally(self.instance, report, sources)

    def _source(self, path: str, changed: Changes) -> str:
        data = changed.get(path) or self.repository.read(self.instance.base_commit, path) or b""
        return data.decode(errors="replace")

    def test_files(self, changed: Changes, patterns: tuple[str, ...]) -> list[str]:
        """Return the files of the listed tests and the test files in the instance's test patch."""
        entries = self.repository.files(self.instance.base_commit)
        existing = {entry.path for entry in entries if changed.get(entry.path, b"") is not None}
        existing.update(path for path, data in changed.items() if data is not None)
        listed = files_of([*self.instance.fail_to_pass, *self.instance.pass_to_pass], existing)
        for path in self.changes_of(self.instance.test_patch):
            if is_test_file(path, patterns):
                listed.append(path)
        return [path for path in dict.fromkeys(listed) if path in existing]

    async def judge_reference(self, bed: TestBed) -> Tally:
        if self.reference is None:
            changed = self.changes_of(self.instance.patch)
            self.reference = await self.run(changed, bed, "evaluation-reference")
        return self.reference

    async def judge_candidate(self, tree: str, patch: bytes, bed: TestBed) -> None:
        base = self.instance.base_commit
        if self.repository.apply(base, self.instance.patch.encode()) == tree:
            self.candidate = await self.judge_reference(bed)
            return
        changed = self.changes_of(patch.decode(errors="surrogateescape"))
        self.candidate = await self.run(changed, bed, "evaluation-candidate")
        if not self.candidate.resolved:
            await self.judge_reference(bed)

    async def judge_tested(
        self, ending: Ending, suite: Suite, candidates: Candidates, run: RunContext
    ) -> None:
        """Judge the reference in the run's environment if ``run_tests`` sent a change back."""
        bed = open_test_bed(self.sandbox, suite, run)
        if isinstance(ending, Back) and bed is not None:
            self.feedback = ending.because
            await self.judge_reference(bed)
            self.save()

    def changes_of(self, patch: str) -> dict[str, bytes | None]:
        base = self.instance.base_commit
        tree = self.repository.apply(base, patch.encode(errors="surrogateescape"))
        return read_changes(self.repository, base, tree)

    def why_lost(self) -> tuple[str, str]:
        """Return (stage, reason) for a run whose change does not resolve the instance."""
        if self.environment:
            return "prepare_tests", f"environment: {self.environment}"
        if self.reference is not None and not self.reference.resolved:
            problem = self.reference.problem()
            return "evaluation", f"environment: also with the reference, {problem}"
        if self.candidate is None:
            return "evaluation", "the change was not judged"
        return "evaluation", self.candidate.problem()


class JudgedPullRequest:
    """``open_pr`` that first judges the chosen candidate."""

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
        bed = open_test_bed(self._judge.sandbox, suite, run)
        if bed is None:
            self._judge.environment = suite.reason
        else:
            chosen = candidates.candidates[verdict.candidate]
            patch = await run.load(chosen.patch_key)
            await self._judge.judge_candidate(chosen.tree, patch, bed)
        self._judge.save()
        return await self._inner.run(issue, checkout, suite, proposals, candidates, verdict, run)


def judging_wrappers(judge: Judge) -> dict[type, Wrap]:
    """Return wrappers of the stages after which a judge judges changes."""
    return {
        RunTests: lambda stage: WatchedTests(stage, judge.judge_tested),
        OpenPullRequest: lambda stage: JudgedPullRequest(stage, judge),
    }
