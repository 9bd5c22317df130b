"""Verdicts: what the tests prove about a candidate, and what they don't."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from pipeline.outcome import Facts, Verification
from repository.testing.models import Suite, count_tests, is_load_error
from repository.testing.trial import Trial
from stages.propose_patch import Reproduction

_MAX_UNBUILT_FILES = 3
_PROOF_FIELDS = {
    "verification",
    "fixed",
    "regressed",
    "could_not_run",
    "flaky",
    "still_failing",
    "ran",
}


class Verdict(BaseModel):
    """The chosen candidate, and what the tests prove about it."""

    model_config = ConfigDict(frozen=True)

    candidate: int
    """Index into Candidates.candidates."""
    verification: Verification
    reason: str
    """Why the verification is not a better one, in a sentence."""
    fixed: tuple[str, ...]
    """Tests that pass now and failed on the base, or on the base with only the patch's tests."""
    fixed_new: tuple[str, ...] = ()
    """Those of ``fixed`` that the base does not have."""
    proven_outside: bool = False
    """Whether ``fixed`` are tests that are not part of the change."""
    still_failing: tuple[str, ...]
    """Tests that failed before and still fail."""
    regressed: tuple[str, ...] = ()
    """Tests that passed before and fail after. A candidate with any is sent back, unless a part of
    it was not compiled."""
    could_not_run: tuple[str, ...] = ()
    """Test files that could not be loaded, neither before nor after."""
    flaky: tuple[str, ...] = ()
    """Tests that ended differently when run again on the same code: they prove nothing."""
    ran: int
    log_key: str | None
    proof_key: str | None = None
    """Artifact with the complete lists above."""
    proposal_artifacts: dict[str, str] = {}
    """Name -> artifact, of the chosen proposal."""
    choice_key: str | None = None
    """Artifact: the exchange in which a model chose this candidate; None if it was not asked."""
    templates: dict[str, str] = {}
    """Template -> hash, for the templates used."""

    def facts(self) -> Facts:
        artifacts = dict(self.proposal_artifacts)
        if self.log_key:
            artifacts["test log"] = self.log_key
        if self.proof_key:
            artifacts["proof"] = self.proof_key
        if self.choice_key:
            artifacts["choice"] = self.choice_key
        return Facts(verification=self.verification, artifacts=artifacts, templates=self.templates)

    def proof(self) -> str:
        """Return the evidence for the verification, as JSON."""
        return self.model_dump_json(include=_PROOF_FIELDS, indent=1)


def judge(candidate: int, trial: Trial) -> Verdict:
    """Return the verdict on a candidate without regressions."""
    report = trial.after
    verification, reason = _verify(trial)
    unloaded = [test.rpartition("::")[2] for test in report.red if is_load_error(test)]
    return Verdict(
        candidate=candidate,
        verification=verification,
        reason="; ".join([reason, *_reservations(trial)]),
        fixed=tuple(sorted(trial.fixed)),
        fixed_new=tuple(sorted(trial.fixed_new)),
        still_failing=tuple(sorted(trial.red_before & report.red)),
        regressed=tuple(sorted((trial.base.green & report.red) - trial.flaky)),
        ran=len(report.executed),
        log_key=report.log_key,
        could_not_run=tuple(sorted(unloaded)),
        flaky=tuple(sorted(trial.flaky)),
    )


def judge_untested(candidate: int, suite: Suite) -> Verdict:
    """Return the verdict on a candidate of a repository whose tests can't be run."""
    return Verdict(
        candidate=candidate,
        verification=Verification.NOT_VERIFIED,
        reason=suite.reason,
        fixed=(),
        still_failing=(),
        ran=0,
        log_key=suite.log_key,
    )


def add_reproduction(verdict: Verdict, trial: Trial, reproduction: Reproduction) -> Verdict:
    """Return the verdict with a passing reproduction test as its proof.

    The reason says that the test is not part of the change.
    """
    number = len(reproduction.tests)
    reason = (
        f"{count_tests(number)} made from the issue, not part of the change, failed before it and"
        f" {_passes(number)} with it; none that passed fails"
    )
    return verdict.model_copy(
        update={
            "verification": Verification.RED_TO_GREEN,
            "reason": "; ".join([reason, *_reservations(trial)]),
            "fixed": reproduction.tests,
            "fixed_new": (),
            "proven_outside": True,
        }
    )


def note_failing_reproduction(verdict: Verdict) -> Verdict:
    """Return the verdict with the note that the reproduction test still fails."""
    note = "a test made from the issue, which is not part of the change, still fails"
    return verdict.model_copy(update={"reason": f"{verdict.reason}; {note}"})


def note_flaky_reproduction(verdict: Verdict) -> Verdict:
    """Return the verdict with the note that the reproduction test proves nothing."""
    note = "a test made from the issue ended differently when run again, and proves nothing"
    return verdict.model_copy(update={"reason": f"{verdict.reason}; {note}"})


def note_unrepeated_reproduction(verdict: Verdict) -> Verdict:
    """Return the verdict with the note that the reproduction test was not repeated."""
    note = "a test made from the issue passes, but no time was left to run it again"
    return verdict.model_copy(update={"reason": f"{verdict.reason}; {note}"})


def _passes(number: int) -> str:
    return "passes" if number == 1 else "pass"


def _verify(trial: Trial) -> tuple[Verification, str]:
    report = trial.after
    if not trial.has_tests:
        reason = "neither the repository nor the change has a test"
        return Verification.NOT_VERIFIED, reason
    if trial.failing_new or trial.newly_failing:
        return Verification.NOT_VERIFIED, _describe_new_failures(trial)
    if trial.fixed and trial.unbuilt:
        return Verification.NOT_VERIFIED, _describe_proof(trial)
    if trial.fixed and trial.unrepeated:
        reason = f"{_describe_proof(trial)}, but no time was left to run the tests again"
        return Verification.NOT_VERIFIED, reason
    if trial.fixed:
        return Verification.RED_TO_GREEN, _describe_fixed(trial)
    if trial.suite_passes:
        reason = f"the whole suite passes ({count_tests(len(report.green))})"
        if not trial.uncovered:
            return Verification.SUITE_PASSES, reason
        return Verification.NOT_VERIFIED, f"{reason}, but {trial.uncovered}"
    reason = (
        f"no test failed before and passes now; of {count_tests(len(report.executed))} run, "
        f"{_describe_red(trial)}"
    )
    return Verification.NOT_VERIFIED, reason


def _describe_fixed(trial: Trial) -> str:
    text = f"{_describe_proof(trial)}; none that passed fails"
    if trial.flaky:
        text += f"; {count_tests(len(trial.flaky))} ended differently when run again"
    return text


def _describe_proof(trial: Trial) -> str:
    number = len(trial.fixed)
    return f"{count_tests(number)} failed before the change and {_passes(number)} with it"


def _describe_new_failures(trial: Trial) -> str:
    groups = (
        (trial.failing_new, "new with the change"),
        (trial.newly_failing, "skipped or expected to fail without it"),
    )
    described = [f"{count_tests(len(tests))} {origin}" for tests, origin in groups if tests]
    return f"failing with the change: {', '.join(described)}; none that passed fails"


def _describe_red(trial: Trial) -> str:
    report = trial.after
    before = len(report.red & trial.red_before)
    others = len(report.red) - before
    parts: list[str] = []
    if before:
        parts.append(f"{_fails(before)} as before")
    if others:
        parts.append(f"{_fails(others)} for a reason that may not be the change")
    if parts:
        return " and ".join(parts)
    if trial.whole_suite and report.completed:
        return "none fails"
    return "none fails, but not all were run"


def _fails(number: int) -> str:
    return f"{number} fails" if number == 1 else f"{number} fail"


def _reservations(trial: Trial) -> Sequence[str]:
    """Describe what weakens the proof."""
    reservations: list[str] = []
    if trial.dropped:
        reservations.append(f"the change removes or skips {count_tests(trial.dropped)} that passed")
    if trial.silenced:
        silenced = count_tests(len(trial.silenced))
        runs = "runs" if len(trial.silenced) == 1 else "run"
        reservations.append(f"{silenced} that failed before no longer {runs}")
    if trial.after.cut_short:
        reservations.append("time ran out before all of them had run")
    if trial.unbuilt:
        files = ", ".join(trial.unbuilt[:_MAX_UNBUILT_FILES])
        reservations.append(f"its changes to {files} were not tested, since they were not compiled")
    for folder, failure in trial.after.left_out.items():
        reservations.append(f"the tests in {folder or 'the root folder'} can't be run: {failure}")
    return reservations
