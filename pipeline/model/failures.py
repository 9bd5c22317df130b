"""What a failed model call means, as one table: tried again here, asked of another model, or told
to the run.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from pipeline.errors import Halt, Retry
from pipeline.outcome import Outcome


class Failure(StrEnum):
    """Families of errors, whoever the provider is."""

    RATE_LIMIT = "its rate limit is reached"
    OVERLOAD = "it is overloaded or broken"
    TIMEOUT = "it did not answer in time"
    UNREADABLE = "its answer can't be read"
    QUOTA = "its account is used up"
    KEY = "it refused the key"
    CONTEXT = "the prompt is longer than the model's context"
    FILTER = "its content policy refused the prompt"
    UNKNOWN_MODEL = "it does not know the model"
    REFUSED = "it refused the request"


@dataclass(frozen=True)
class Rule:
    again: int
    """How often the same request is made again here, before anybody else is asked."""
    elsewhere: bool
    """Another model may well answer."""
    outcome: Outcome | None
    """How the run ends; None: it can go on later."""
    delay: float | None = None
    """Seconds until the run looks again, where the provider names none."""
    shorter: bool = False
    """Whoever asked may ask again with less."""


RULES: dict[Failure, Rule] = {
    Failure.RATE_LIMIT: Rule(3, True, None),
    Failure.OVERLOAD: Rule(2, True, None),
    Failure.TIMEOUT: Rule(1, True, None),
    Failure.UNREADABLE: Rule(1, True, None),
    Failure.QUOTA: Rule(0, True, None, delay=3600.0),  # somebody must pay it first
    Failure.KEY: Rule(0, True, None),
    Failure.CONTEXT: Rule(0, True, Outcome.NO_FIX, shorter=True),
    Failure.FILTER: Rule(0, True, Outcome.NO_FIX),
    Failure.UNKNOWN_MODEL: Rule(0, True, Outcome.FAILED),
    Failure.REFUSED: Rule(0, False, Outcome.FAILED),
}


class ModelError(Exception):
    """A call that brought no reply. ``charged`` False: certainly not, so that its reservation can be given back.

    ``delay``: seconds that the provider asked us to wait.
    """

    def __init__(self, failure: Failure, said: str, *, charged: bool, delay: float | None = None):
        super().__init__(f"the model provider: {failure}: {said}")
        self.failure = failure
        self.charged = charged
        self.delay = delay

    @property
    def rule(self) -> Rule:
        return RULES[self.failure]

    def verdict(self) -> Retry | Halt:
        """What it means for the run, once nothing more is tried."""
        if self.rule.outcome is not None:
            return Halt(self.rule.outcome, str(self))
        return Retry(str(self), self.delay if self.delay is not None else self.rule.delay)


def family(status: int | None, code: str | None, name: str = "") -> Failure:
    """By status and code first: litellm's classes are not to be relied on (a 401 of unusual text is a BadRequestError,
    a used-up account a RateLimitError, a dropped connection an InternalServerError). ``name``: the class's.
    """
    if status in (401, 403):
        return Failure.KEY
    if status == 402:  # what resellers of models say of an empty account
        return Failure.QUOTA
    if status == 404:
        return Failure.UNKNOWN_MODEL
    if status == 429:
        return Failure.QUOTA if code == "insufficient_quota" else Failure.RATE_LIMIT
    if name == "ContextWindowExceededError" or code == "context_length_exceeded":
        return Failure.CONTEXT
    if name == "ContentPolicyViolationError" or re.match(
        r"content_(policy_violation|filter)$", code or ""
    ):
        return Failure.FILTER
    if status in (400, 413, 422):
        return Failure.REFUSED
    return Failure.TIMEOUT if status in (408, 504) else Failure.OVERLOAD


def uncharged(status: int | None, model: str) -> bool:
    """Refused before any work. Azure may bill a 400, of its content filter or its input limit
    (learn.microsoft.com, Azure OpenAI, "HTTP error response code and billing status"). A time-out is told as 408.
    """
    return status in {401, 402, 403, 404, 413, 422, 429} | (
        set() if model.startswith("azure") else {400}
    )
