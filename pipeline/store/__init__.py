"""What is known of jobs and runs. Every write about a run carries its lease."""

from pipeline.store.base import (
    BudgetExceeded,
    Busy,
    Call,
    Checkpoint,
    Claim,
    Claimed,
    Effect,
    Finished,
    Lease,
    MoneyCaps,
    PendingEvent,
    Round,
    RunRow,
    RunStore,
    Submission,
)

__all__ = [
    "BudgetExceeded",
    "Busy",
    "Call",
    "Checkpoint",
    "Claim",
    "Claimed",
    "Effect",
    "Finished",
    "Lease",
    "MoneyCaps",
    "PendingEvent",
    "Round",
    "RunRow",
    "RunStore",
    "Submission",
]
