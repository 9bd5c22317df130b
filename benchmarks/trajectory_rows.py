"""The result of one replayed run, and the summary of all."""

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from benchmarks import report
from benchmarks.instances import Instance
from benchmarks.recordings import Recording
from benchmarks.replayed_commands import Agreement, CommandResult
from benchmarks.replayed_run import SENT_BACK, ReplayedRun
from benchmarks.shell_commands import KINDS
from console.history.intervals import wilson
from pipeline.outcome import Outcome, RunResult, Verification

CRASHED = "crashed"
VERDICTS = (*(verification.replace(" ", "_") for verification in Verification), SENT_BACK)
_MAX_CHARS = 600


class Disagreement(BaseModel):
    """A command that ended with another exit code than recorded."""

    model_config = ConfigDict(frozen=True)

    number: int
    kind: str
    cause: str
    recorded_exit_code: int
    exit_code: int | None
    command: str
    recorded_output: str
    output: str
    """The end of what the model is shown."""

    @classmethod
    def of(cls, result: CommandResult) -> "Disagreement":
        recorded = result.recorded
        assert recorded.exit_code is not None
        return cls(
            number=recorded.number,
            kind=result.kind,
            cause=result.cause().name,
            recorded_exit_code=recorded.exit_code,
            exit_code=result.exit_code,
            command=recorded.text[:_MAX_CHARS],
            recorded_output=recorded.output[-_MAX_CHARS:],
            output=result.output[-_MAX_CHARS:],
        )


class Row(BaseModel):
    """A replayed run."""

    model_config = ConfigDict(frozen=True)

    instance_id: str
    repo: str
    commit: str
    """This project's commit, as in ``benchmarks.report``."""
    recorded_resolved: bool
    resolves_here: bool | None = None
    """Whether the recorded change resolves the instance here; None if that was not judged."""
    still_resolved: bool | None = None
    """The same of the replayed change; None unless the recorded one resolves the instance here."""
    same_patch: bool | None = None
    """Whether both change the base commit's files alike; None if no command was issued."""
    different_files: tuple[str, ...] = ()
    image_files: tuple[str, ...] = ()
    """Files of the recorded change that no command made: left out of the comparison."""
    outcome: str
    """That of the run, or ``crashed``."""
    verdict: str | None = None
    reason: str | None = None
    """Why the change was lost, or why the run crashed."""
    recorded_commands: int
    commands: int = 0
    """Commands that were issued."""
    not_issued: int = 0
    """Commands whose program the recorded machine lacked."""
    kinds: dict[str, Agreement] = {}
    disagreements: tuple[Disagreement, ...] = ()
    cut_by_limits: str | None = None
    """How many commands a limit of the loop left out, and which limit."""
    cut_by_effect: str | None = None
    """The command at which the replay was stopped, since it had another effect here."""
    command_seconds: tuple[float, ...] = ()
    seconds: float = 0.0

    @property
    def replayed(self) -> bool:
        """Whether at least one command was issued."""
        return self.commands > 0

    @property
    def broken(self) -> bool:
        """Whether the run can be tried again: it crashed, or its infrastructure failed."""
        return self.outcome in (CRASHED, Outcome.FAILED)

    def describe(self) -> str:
        """Return the row in one line."""
        ending = self.outcome if self.still_resolved is None else f"resolved {self.still_resolved}"
        agreement = sum(kind.same for kind in self.kinds.values())
        compared = sum(kind.compared for kind in self.kinds.values())
        parts = [
            f"{self.instance_id} {self.seconds:.0f} s: {ending}, verdict {self.verdict},"
            f" same patch {self.same_patch}, {agreement} of {compared} exit codes",
            *(cut for cut in (self.cut_by_limits, self.cut_by_effect) if cut is not None),
        ]
        if self.reason:
            parts.append(self.reason)
        return "; ".join(parts)


def row_of(run: ReplayedRun, result: RunResult, seconds: float) -> Row:
    model = run.model
    different = run.different_files()
    resolves_here = run.recorded_tally.resolved if run.recorded_tally else None
    still_resolved: bool | None = None
    if resolves_here:
        still_resolved = run.replayed_tally is not None and run.replayed_tally.resolved
    return Row(
        instance_id=run.instance.instance_id,
        repo=run.instance.repo,
        commit=report.commit(),
        recorded_resolved=run.recording.resolved,
        resolves_here=resolves_here,
        still_resolved=still_resolved,
        same_patch=not different if model.results else None,
        different_files=tuple(different),
        image_files=tuple(run.image_files()),
        outcome=result.outcome.value,
        verdict=run.verdict,
        reason=_why_lost(run, result),
        recorded_commands=len(run.recording.commands),
        commands=len(model.results),
        not_issued=model.not_issued,
        kinds=_kinds(model.results),
        disagreements=tuple(_disagreements(model.results)),
        cut_by_limits=_cut_by_limits(run, result),
        cut_by_effect=model.cut,
        command_seconds=tuple(round(command.seconds, 2) for command in model.results),
        seconds=round(seconds, 1),
    )


def crashed_row(instance: Instance, recording: Recording, error: BaseException) -> Row:
    """Return the row of a run that an exception ended."""
    return Row(
        instance_id=instance.instance_id,
        repo=instance.repo,
        commit=report.commit(),
        recorded_resolved=recording.resolved,
        outcome=CRASHED,
        reason=f"{type(error).__name__}: {error}",
        recorded_commands=len(recording.commands),
    )


def _why_lost(run: ReplayedRun, result: RunResult) -> str | None:
    if run.environment is not None:
        return f"environment: {run.environment}"
    recorded = run.recorded_tally
    if recorded is not None and not recorded.resolved:
        return f"environment: also with the recorded change, {recorded.problem()}"
    if run.replayed_tally is not None and not run.replayed_tally.resolved:
        return run.replayed_tally.problem()
    if run.verdict in (None, SENT_BACK):
        return " ".join(result.reason.split())
    return None


def _kinds(results: Sequence[CommandResult]) -> dict[str, Agreement]:
    kinds: dict[str, Agreement] = {}
    for kind in KINDS:
        agreement = Agreement.of(result for result in results if result.kind == kind)
        if agreement.compared:
            kinds[kind] = agreement
    return kinds


def _disagreements(results: Iterable[CommandResult]) -> list[Disagreement]:
    different = [result for result in results if result.comparable and not result.agrees]
    return [Disagreement.of(result) for result in different]


def _cut_by_limits(run: ReplayedRun, result: RunResult) -> str | None:
    left = run.model.waiting
    if not left or not run.model.results or run.model.cut is not None:
        return None
    return f"{left} commands were not issued: {result.reason}"


class RowFile:
    """The rows of one measurement, a line each, written as they are made."""

    def __init__(self, file: Path):
        self._file = file

    def read(self) -> dict[str, Row]:
        """Return instance id -> row; the last one of an instance counts."""
        if not self._file.exists():
            return {}
        rows: dict[str, Row] = {}
        for line in self._file.read_text(encoding="utf-8").split("\n"):
            if line:
                row = Row.model_validate_json(line)
                rows[row.instance_id] = row
        return rows

    def add(self, row: Row) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{row.model_dump_json()}\n")


def summary(rows: Sequence[Row]) -> dict[str, float]:
    """Return the totals. Shares of nothing are left out."""
    judged = [row for row in rows if row.still_resolved is not None]
    still_resolved = sum(row.still_resolved is True for row in judged)
    low, high = wilson(still_resolved, len(judged))
    totals: dict[str, float] = {
        "instances": len(rows),
        "not_replayed": _count(rows, lambda row: not row.replayed),
        "recorded_resolved": _count(rows, lambda row: row.recorded_resolved),
        "recorded_judged": _count(rows, lambda row: row.resolves_here is not None),
        "judged": len(judged),
        "still_resolved": still_resolved,
        **_share("share_still_resolved", still_resolved, len(judged)),
        "share_still_resolved_low": low,
        "share_still_resolved_high": high,
        **_same_patch(rows),
        **_agreement(rows),
        "cut_by_limits": _count(rows, lambda row: row.cut_by_limits is not None),
        "cut_by_effect": _count(rows, lambda row: row.cut_by_effect is not None),
        **_verdicts(rows),
        **_seconds(rows),
    }
    return totals


def _count(rows: Iterable[Row], counts: Callable[[Row], bool]) -> int:
    return sum(counts(row) for row in rows)


def _share(name: str, part: int, whole: int) -> dict[str, float]:
    return {name: part / whole} if whole else {}


def _same_patch(rows: Sequence[Row]) -> dict[str, float]:
    replayed = [row for row in rows if row.replayed]
    resolved = [row for row in replayed if row.recorded_resolved]
    same = _count(replayed, lambda row: row.same_patch is True)
    same_resolved = _count(resolved, lambda row: row.same_patch is True)
    return {
        **_share("same_patch", same, len(replayed)),
        **_share("same_patch_of_resolved", same_resolved, len(resolved)),
    }


def _agreement(rows: Sequence[Row]) -> dict[str, float]:
    same: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    for row in rows:
        for kind, agreement in row.kinds.items():
            same[kind] += agreement.same
            compared[kind] += agreement.compared
    totals: dict[str, float] = {
        "commands": sum(row.commands for row in rows),
        "not_issued": sum(row.not_issued for row in rows),
        **_share("exit_agreement", same.total(), compared.total()),
    }
    for kind in KINDS:
        totals.update(_share(f"exit_agreement_{kind}", same[kind], compared[kind]))
    causes = count_causes(rows)
    totals["exit_differs_for_network"] = causes["network"]
    totals["tests_pass_only_here"] = causes["tests pass only here"]
    totals["unexplained"] = causes["unexplained"]
    return totals


def count_causes(rows: Iterable[Row]) -> Counter[str]:
    """Return cause -> number of commands with another exit code."""
    causes: Counter[str] = Counter()
    for row in rows:
        causes.update(disagreement.cause for disagreement in row.disagreements)
    return causes


def _verdicts(rows: Sequence[Row]) -> dict[str, float]:
    counts = Counter(row.verdict for row in rows)
    return {f"verdict_{verdict}": counts[verdict] for verdict in VERDICTS}


def _seconds(rows: Sequence[Row]) -> dict[str, float]:
    commands = [seconds for row in rows for seconds in row.command_seconds]
    totals = {"seconds": round(sum(row.seconds for row in rows), 1)}
    if commands:
        totals["seconds_per_command_median"] = statistics.median(commands)
    return totals


def show(rows: Sequence[Row], totals: dict[str, float]) -> None:
    columns = {
        "instance": [row.instance_id for row in rows],
        "recorded": ["resolved" if row.recorded_resolved else "" for row in rows],
        "here": [row.resolves_here for row in rows],
        "still": [row.still_resolved for row in rows],
        "same patch": [row.same_patch for row in rows],
        "verdict": [row.verdict or row.outcome for row in rows],
        "commands": [f"{row.commands}/{row.recorded_commands}" for row in rows],
        "differ": [len(row.disagreements) for row in rows],
        "cut": [row.cut_by_limits or row.cut_by_effect for row in rows],
        "s": [row.seconds for row in rows],
        "reason": [row.reason for row in rows],
    }
    lines = list(zip(*columns.values(), strict=True))
    report.show("trajectories", tuple(columns), lines, totals)
    for cause, count in count_causes(rows).most_common():
        print(f"{count} with another exit code: {cause}")
