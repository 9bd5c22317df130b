"""Replay one recorded run through the real pipeline: watch its stages and judge its change."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.evaluation import Judge, Tally
from benchmarks.instances import Instance, read_changes
from benchmarks.recorded_model import RecordedModel
from benchmarks.recordings import Recording
from benchmarks.watched_engine import Ending, WatchedTests, Wrap
from pipeline.stage import Back, RunContext, Stop
from repository.git import Mirror
from repository.testing.folders import Changes
from repository.testing.models import Suite
from repository.testing.run.bed import TestBed
from sandbox import Sandbox
from stages.apply_patch import ApplyPatch, Candidates
from stages.build_context import Context
from stages.checkout import Checkout
from stages.fetch_issue import Issue
from stages.prepare_tests import open_test_bed
from stages.propose_patch import Proposals, ProposePatch
from stages.propose_patch.results import ProposedFiles
from stages.run_tests import RunTests, Verdict

SENT_BACK = "sent_back"


@dataclass
class ReplayedRun:
    """A recording, its replay, and what the run's stages made of it.

    Attributes:
        proposed: the submitted files that differ from the base commit; None without a submission.
        verdict: how ``run_tests`` ended; None if it did not run.
        recorded_tally: the instance's tests with the recorded change, in the run's environment.
        replayed_tally: the same with the change that the run would push.
        environment: why no test could be run.
    """

    instance: Instance
    recording: Recording
    repository: Mirror
    sandbox: Sandbox
    model: RecordedModel
    proposed: dict[str, bytes | None] | None = None
    verdict: str | None = None
    recorded_tally: Tally | None = None
    replayed_tally: Tally | None = None
    environment: str | None = None

    @property
    def can_be_judged(self) -> bool:
        """Whether the recorded change resolved the instance there, and tests are listed."""
        return self.recording.resolved and bool(self.instance.fail_to_pass)

    def recorded_changes(self) -> dict[str, bytes | None]:
        base = self.instance.base_commit
        tree = self.repository.apply(base, self.recording.submission.encode())
        return read_changes(self.repository, base, tree)

    def different_files(self) -> list[str]:
        """Return the files of the base commit that differ from the recorded change."""
        recorded = self.recorded_changes()
        proposed = self.proposed or {}
        changed = self._base_paths().intersection([*recorded, *proposed])
        different = [path for path in changed if _is_different(path, recorded, proposed)]
        return sorted(set(different).difference(self.image_files()))

    def image_files(self) -> list[str]:
        """Return files of the base commit that the recorded machine's image had changed.

        They are in the recorded change, though no command names them, and here they are unchanged.
        """
        commands = "\n".join(command.text for command in self.recording.commands)
        proposed = self.proposed or {}
        unchanged = self._base_paths().intersection(self.recorded_changes()).difference(proposed)
        return sorted(path for path in unchanged if PurePosixPath(path).name not in commands)

    async def judge_recorded(self, suite: Suite, run: RunContext) -> None:
        """Establish whether the recorded change resolves the instance here."""
        bed = self._open_bed(suite, run)
        if bed is not None and self.recorded_tally is None:
            changes = self.recorded_changes()
            self.recorded_tally = await self._judge().run(changes, bed, "evaluation-recorded")

    async def judge_tested(
        self, ending: Ending, suite: Suite, candidates: Candidates, run: RunContext
    ) -> None:
        """Record how ``run_tests`` ended, and judge the change by the instance's tests."""
        if isinstance(ending, Verdict):
            self.verdict = ending.verification.replace(" ", "_")
        elif isinstance(ending, Back):
            self.verdict = SENT_BACK
        await self._judge_replayed(suite, candidates, run)

    async def _judge_replayed(self, suite: Suite, candidates: Candidates, run: RunContext) -> None:
        """Judge the first candidate: the stand-in submits one change."""
        await self.judge_recorded(suite, run)
        bed = self._open_bed(suite, run)
        if bed is None:
            return
        patch = await run.load(candidates.candidates[0].patch_key)
        changes = self._judge().changes_of(patch.decode(errors="surrogateescape"))
        if changes == self.recorded_changes():
            self.replayed_tally = self.recorded_tally
        else:
            self.replayed_tally = await self._judge().run(changes, bed, "evaluation-replayed")

    def _base_paths(self) -> set[str]:
        entries = self.repository.files(self.instance.base_commit)
        return {entry.path for entry in entries}

    def _judge(self) -> Judge:
        return Judge(self.instance, self.repository, self.sandbox)

    def _open_bed(self, suite: Suite, run: RunContext) -> TestBed | None:
        if not self.can_be_judged:
            return None
        bed = open_test_bed(self.sandbox, suite, run)
        if bed is None:
            self.environment = suite.reason
        return bed


def _is_different(path: str, recorded: Changes, proposed: Changes) -> bool:
    if (path in recorded) != (path in proposed):
        return True
    return recorded[path] != proposed[path]


class ReplayedProposal:
    """``propose_patch`` that tells the stand-in model where it works, and records the change."""

    name = ProposePatch.name

    def __init__(self, inner: ProposePatch, replayed: ReplayedRun):
        self._inner = inner
        self._replayed = replayed

    async def run(
        self, issue: Issue, checkout: Checkout, context: Context, suite: Suite, run: RunContext
    ) -> Proposals | Back | Stop:
        self._replayed.model.attach(run)
        answer = await self._inner.run(issue, checkout, context, suite, run)
        if isinstance(answer, Proposals):
            self._replayed.proposed = await _proposed_changes(answer, run)
        else:
            await self._replayed.judge_recorded(suite, run)
        return answer


async def _proposed_changes(proposals: Proposals, run: RunContext) -> dict[str, bytes | None]:
    (proposal,) = proposals.proposals
    assert proposal.changes_key is not None
    proposed = ProposedFiles.model_validate_json(await run.load(proposal.changes_key))
    return {path: file.content for path, file in proposed.files.items()}


class ReplayedPatch:
    """``apply_patch`` that judges the recorded change if it refuses the replayed one."""

    name = ApplyPatch.name

    def __init__(self, inner: ApplyPatch, replayed: ReplayedRun):
        self._inner = inner
        self._replayed = replayed

    async def run(
        self, checkout: Checkout, suite: Suite, proposals: Proposals, run: RunContext
    ) -> Candidates | Back:
        answer = await self._inner.run(checkout, proposals, run)
        if isinstance(answer, Back):
            await self._replayed.judge_recorded(suite, run)
        return answer

    async def restore(self, result: Candidates, run: RunContext) -> None:
        await self._inner.restore(result, run)


def replay_wrappers(replayed: ReplayedRun) -> dict[type, Wrap]:
    """Return wrappers of the stages that a replay watches."""
    return {
        ProposePatch: lambda stage: ReplayedProposal(stage, replayed),
        ApplyPatch: lambda stage: ReplayedPatch(stage, replayed),
        RunTests: lambda stage: WatchedTests(stage, replayed.judge_tested),
    }
