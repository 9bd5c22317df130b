"""Runs of some days in one store, as a deployment has them: several repositories and outcomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.job import FixIssueJob
from pipeline.model import ModelReply
from pipeline.outcome import Outcome, Verification
from tests.stand_ins.recorded_run import MODEL, RecordedRun

_HOUR = 3600.0


@dataclass(frozen=True)
class _Example:
    repository: str
    number: int
    outcome: Outcome
    reason: str
    hours_ago: float
    cost_usd: float = 0.0
    minutes: float = 1.0
    verification: Verification | None = None
    pull_request: int | None = None


_NOTHING = "the model proposed the same change twice"
_GREEN = Verification.RED_TO_GREEN
_PR = Outcome.PR_OPENED
_EXAMPLES: Sequence[_Example] = (
    _Example("acme/hourglass", 12, _PR, "pull request #31: red to green", 70, 0.31, 6, _GREEN, 31),
    _Example("acme/billing", 204, Outcome.NO_FIX, _NOTHING, 66, 0.87, 14),
    _Example("acme/hourglass", 17, Outcome.NEEDS_INFO, "no steps to reproduce", 51, 0.09, 2),
    _Example("acme/atlas", 9, _PR, "pull request #11: red to green", 47, 0.42, 8, _GREEN, 11),
    _Example("acme/atlas", 13, Outcome.REJECTED, "the issue is closed", 45),
    _Example(
        "acme/billing",
        211,
        _PR,
        "pull request #213: not verified",
        27,
        1.12,
        22,
        Verification.NOT_VERIFIED,
        213,
    ),
    _Example("acme/atlas", 21, Outcome.BUDGET_EXHAUSTED, "$3.00 are spent", 23, 2.91, 41),
    _Example("acme/billing", 215, Outcome.FAILED, "the disk is full (after 5 tries)", 4, 0.0, 3),
    _Example(
        "acme/hourglass",
        23,
        _PR,
        "pull request #35: suite passes",
        2,
        0.55,
        9,
        Verification.SUITE_PASSES,
        35,
    ),
    _Example("acme/atlas", 24, _PR, "pull request #26: red to green", 1, 0.28, 5, _GREEN, 26),
)


def write_history(folder: Path, *, now: float) -> None:
    """Store ended runs of the last three days, and one that is at work.

    Args:
        folder: a data directory; the store and the artifacts are made in it.
        now: when the newest of them is at work, in seconds since the epoch.
    """
    for example in _EXAMPLES:
        _write(folder, example, now)
    job = _job("acme/billing", 220)
    running = RecordedRun(folder, job, began_at=now - 40)
    running.call("1/propose_patch/0", _reply(0.06), seconds=30.0)


def _write(folder: Path, example: _Example, now: float) -> None:
    began_at = now - example.hours_ago * _HOUR
    run = RecordedRun(folder, _job(example.repository, example.number), began_at=began_at)
    if example.cost_usd:
        run.call("1/propose_patch/0", _reply(example.cost_usd), seconds=20.0)
    url = f"https://github.com/{example.repository}/pull/{example.pull_request}"
    run.finish(
        example.outcome,
        example.reason,
        seconds=example.minutes * 60,
        verification=example.verification,
        pull_request_url=url if example.pull_request is not None else None,
        pull_request_number=example.pull_request,
    )


def _job(repository: str, number: int) -> FixIssueJob:
    return FixIssueJob.model_validate(
        {"issue_url": f"https://github.com/{repository}/issues/{number}"}
    )


def _reply(cost_usd: float) -> ModelReply:
    return ModelReply(
        content="",
        model=MODEL,
        finish_reason="stop",
        prompt_tokens=9000,
        completion_tokens=700,
        cost_usd=cost_usd,
        latency_seconds=9.0,
        billable=True,
    )
