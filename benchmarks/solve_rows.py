"""The result of one instance of ``benchmarks.solve``, and the summary of all."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from benchmarks import report
from benchmarks.evaluation import Judge
from benchmarks.instances import Instance
from console.history.intervals import wilson
from pipeline.outcome import Outcome, RunResult
from stages.run_tests import RunTests

#: The outcome of an instance whose run raised an exception.
ERROR = "error"
#: Outcomes that say something about the machine or the provider, and nothing about the change.
UNFINISHED = (ERROR, Outcome.FAILED.value)
_VERIFIED = ("red to green", "suite passes")


class Row(BaseModel):
    """An instance's result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance_id: str
    repo: str
    commit: str
    """This project's commit, as in ``benchmarks.report``."""
    outcome: str
    """That of the run, or ``error``."""
    verification: str | None = None
    resolved: bool = False
    lost_at: str | None = None
    """The stage at which it was lost; None if it is resolved."""
    reason: str | None = None
    rounds: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    """Seconds that the run worked, including the evaluation, without waiting."""
    fail_to_pass_ok: int = 0
    fail_to_pass: int
    pass_to_pass_ok: int = 0
    pass_to_pass: int
    model_patch: str | None = None
    """The change; the name is that in SWE-bench's predictions."""
    model_patch_without_tests: str | None = None
    """The change without test files."""
    reference_resolves: bool | None = None
    """None if the reference was not tested."""
    no_tests: int
    not_found: int | None = None
    network: int | None = None

    def summary(self) -> str:
        ending = "resolved" if self.resolved else f"lost at {self.lost_at}: {self.reason}"
        verification = self.verification or self.outcome
        return f"{self.instance_id} {self.seconds:.0f} s, {verification}, {ending}"


@dataclass(frozen=True)
class FinishedRun:
    """An instance's run after its end."""

    instance: Instance
    result: RunResult
    judge: Judge
    last_stage: str
    inexpressible: list[str]
    """Parts of the reference that the oracle's blocks can't express."""
    cost_usd: float
    """Including earlier runs that failed."""
    model_patch: str | None
    model_patch_without_tests: str | None


def row_of(run: FinishedRun) -> Row:
    result = run.result
    tally = run.judge.candidate
    reference = run.judge.reference
    resolved = tally is not None and tally.resolved
    lost_at: str | None = None
    reason: str | None = None
    if not resolved:
        lost_at, reason = _why_lost(run)
    counted = tally or reference
    return Row(
        instance_id=run.instance.instance_id,
        repo=run.instance.repo,
        commit=report.commit(),
        outcome=result.outcome.value,
        verification=result.verification.value if result.verification else None,
        resolved=resolved,
        lost_at=lost_at,
        reason=reason,
        rounds=result.rounds,
        cost_usd=run.cost_usd,
        seconds=round(result.seconds, 1),
        fail_to_pass_ok=tally.fail_to_pass_ok if tally else 0,
        fail_to_pass=len(run.instance.fail_to_pass),
        pass_to_pass_ok=tally.pass_to_pass_ok if tally else 0,
        pass_to_pass=len(run.instance.pass_to_pass),
        model_patch=run.model_patch,
        model_patch_without_tests=run.model_patch_without_tests,
        reference_resolves=reference.resolved if reference else resolved or None,
        no_tests=len(run.instance.no_tests),
        not_found=counted.not_found if counted else None,
        network=counted.network if counted else None,
    )


def error_row(instance: Instance, reason: str) -> Row:
    """Return the row of an instance whose run raised an exception."""
    return Row(
        instance_id=instance.instance_id,
        repo=instance.repo,
        commit=report.commit(),
        outcome=ERROR,
        lost_at=ERROR,
        reason=reason,
        fail_to_pass=len(instance.fail_to_pass),
        pass_to_pass=len(instance.pass_to_pass),
        no_tests=len(instance.no_tests),
    )


def _why_lost(run: FinishedRun) -> tuple[str, str]:
    """Return the stage at which an instance was lost, and the reason in one line."""
    if run.judge.candidate is not None or run.judge.environment:
        lost_at, reason = run.judge.why_lost()
    else:
        lost_at = run.last_stage
        reason = _why_no_candidate(run)
    if run.inexpressible:
        reason += f" [blocks can't express: {'; '.join(run.inexpressible)}]"
    return lost_at, " ".join(reason.split())


def _why_no_candidate(run: FinishedRun) -> str:
    reason = run.result.reason
    if run.judge.feedback is not None and run.last_stage == RunTests.name:
        lines = [line for line in run.judge.feedback.splitlines() if line.strip()]
        reason += f" {' '.join(lines[1:2])}"
    reference = run.judge.reference
    if reference is not None:
        outcome = "passes" if reference.resolved else f"does not pass: {reference.problem()}"
        reason += f" [here the reference {outcome}]"
    return reason


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """Return the totals; ``share`` has a 95 % interval. An unfinished instance counts as not
    resolved.
    """
    resolved = sum(row.resolved for row in rows)
    low, high = wilson(resolved, len(rows))
    return {
        "instances": len(rows),
        "resolved": resolved,
        "share": resolved / len(rows) if rows else 0.0,
        "share_low": round(low, 4),
        "share_high": round(high, 4),
        "unfinished": sum(row.outcome in UNFINISHED for row in rows),
        "cost_usd": sum(row.cost_usd for row in rows),
        "lost_to_environment": sum((row.reason or "").startswith("environment:") for row in rows),
        "verified": sum(row.verification in _VERIFIED for row in rows),
        "seconds": round(sum(row.seconds for row in rows), 1),
    }


def show(rows: Sequence[Row], totals: dict[str, float]) -> None:
    columns = {
        "instance": [row.instance_id for row in rows],
        "outcome": [row.outcome for row in rows],
        "verification": [row.verification for row in rows],
        "resolved": ["yes" if row.resolved else "no" for row in rows],
        "F2P": [f"{row.fail_to_pass_ok}/{row.fail_to_pass}" for row in rows],
        "P2P": [f"{row.pass_to_pass_ok}/{row.pass_to_pass}" for row in rows],
        "rounds": [row.rounds for row in rows],
        "$": [row.cost_usd for row in rows],
        "s": [row.seconds for row in rows],
        "lost at": [row.lost_at for row in rows],
        "reason": [row.reason for row in rows],
    }
    lines = list(zip(*columns.values(), strict=True))
    report.show("solve", tuple(columns), lines, totals)
    for repo in sorted({row.repo for row in rows}):
        of_repo = [row for row in rows if row.repo == repo]
        print(f"{repo}: {sum(row.resolved for row in of_repo)} of {len(of_repo)}")
