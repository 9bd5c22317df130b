"""What is compared: an issue, tried with each of two template sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.outcome import Outcome, Verification

Change = Literal["worse", "better", "same"]
#: How much each verification proves.
_RANKS = {
    None: 0,
    Verification.NOT_VERIFIED: 1,
    Verification.SUITE_PASSES: 2,
    Verification.RED_TO_GREEN: 3,
}


@dataclass(frozen=True)
class Trial:
    """The result of an issue with one template set."""

    outcome: Outcome | None
    verification: Verification | None
    """None if no candidate was accepted, or the tests were not run."""
    reason: str
    """Why it ended so, or what the tests proved, in a sentence."""
    rounds: int
    cost_usd: float
    prompts: Mapping[str, str]
    """Place in the run -> text of a message to the model."""
    replies: Mapping[str, str]
    """Place in the run -> what the model proposed."""
    patch: str
    """Empty if there is none."""

    @property
    def is_resolved(self) -> bool:
        """Whether the tests speak for the change."""
        return self.rank > _RANKS[Verification.NOT_VERIFIED]

    @property
    def rank(self) -> int:
        return _RANKS[self.verification]

    @property
    def result(self) -> str:
        """What came of it: the verification, or else the outcome."""
        if self.verification is not None:
            return self.verification.value
        return self.outcome.value if self.outcome is not None else "unfinished"


@dataclass(frozen=True)
class Case:
    """An issue with its two trials."""

    issue: str
    """``OWNER/NAME#NUMBER``"""
    issue_url: str
    run: str
    """``JOB_ID/GENERATION`` of the stored run that the trials repeat."""
    a: Trial
    b: Trial

    @property
    def change(self) -> Change:
        """Whether the tests prove more or less with B than with A."""
        if self.b.rank < self.a.rank:
            return "worse"
        return "better" if self.b.rank > self.a.rank else "same"


def is_complete(case: Case) -> bool:
    """Whether both trials say something about the templates: a failed one, for example because of
    an outage, does not.
    """
    return Outcome.FAILED not in (case.a.outcome, case.b.outcome)
