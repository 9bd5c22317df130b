"""Cases of a comparison, for its tests."""

from console.comparison.trials import Case, Trial
from pipeline.outcome import Outcome, Verification

RED_TO_GREEN = Verification.RED_TO_GREEN


def trial(verification: Verification | None = RED_TO_GREEN, **fields: object) -> Trial:
    """Return a trial that proposed a change, or found none if there is no verification."""
    values: dict[str, object] = {
        "outcome": Outcome.PROPOSED if verification is not None else Outcome.NO_FIX,
        "verification": verification,
        "reason": "a reason",
        "rounds": 1,
        "cost_usd": 0.1,
        "prompts": {"round 1, proposal 1, 1 user": "Mend it."},
        "replies": {"round 1, proposal 1": "I mended it."},
        "patch": "",
    }
    return Trial(**(values | fields))  # type: ignore[arg-type]


def case(a: Trial, b: Trial, number: int = 1, **fields: str) -> Case:
    values = {
        "issue": f"octo/repo#{number}",
        "issue_url": f"https://github.com/octo/repo/issues/{number}",
        "run": f"job-{number}/0",
    }
    return Case(**(values | fields), a=a, b=b)
