"""What an error means for a run, as one table: retry, stop, or a defect.

Heavy libraries are matched by name, so that nothing is imported to read the table. The model's
client tells its own errors as Retry or Halt: LiteLLM's classes mislead."""

import random
import time
from dataclasses import dataclass
from enum import StrEnum

from pipeline.outcome import Outcome


class Retry(Exception):
    """The run can go on later, at its last checkpoint. ``delay`` is in seconds.

    With ``counts`` False it is a wait, not a failed try: a run may wait as long as it must.
    """

    def __init__(self, reason: str, delay: float | None = None, *, counts: bool = True):
        super().__init__(reason)
        self.reason = reason
        self.delay = delay
        self.counts = counts


class Halt(Exception):
    """The run is over: raised where a tool, not a stage, finds it out."""

    def __init__(self, outcome: Outcome, reason: str):
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Interrupted(Exception):
    """SIGTERM, a spot notice, a deployment. Not a failure: it counts against nothing."""


class LeaseLost(Interrupted):
    """Another worker owns the run now; nothing more may be written, and no further effect
    performed.
    """


class Family(StrEnum):
    RETRY = "retry"
    STOP = "stop"
    INTERRUPTED = "interrupted"
    DEFECT = "defect"


@dataclass(frozen=True)
class Verdict:
    family: Family
    reason: str
    delay: float | None = None
    """Seconds; None: the caller's backoff."""
    outcome: Outcome | None = None
    counts: bool = True
    """False: waiting, which uses up none of the run's tries."""


#: class name (module prefix, class) -> what it means, what a person is told. The first row that
#: fits stands.
TABLE: tuple[tuple[str, str, Family, str], ...] = (
    ("pipeline", "ForgeRefused", Family.STOP, "GitHub refused, and waiting won't mend it"),
    ("repository", "GitUnavailable", Family.RETRY, "git got no answer in time"),
    ("github", "RateLimitExceededException", Family.RETRY, "GitHub's rate limit"),
    (
        "github",
        "BadCredentialsException",
        Family.RETRY,
        "GitHub refused the token (401): check GITHUB_TOKEN",
    ),
    ("github", "GithubException", Family.RETRY, "GitHub answered with an error"),
    ("requests", "RequestException", Family.RETRY, "GitHub could not be reached"),
    ("botocore", "BotoCoreError", Family.RETRY, "AWS could not be reached"),
    ("botocore", "ClientError", Family.RETRY, "AWS answered with an error"),
    ("sqlite3", "OperationalError", Family.RETRY, "the store is locked or its disk is full"),
    ("builtins", "TimeoutError", Family.RETRY, "a time-out"),
    ("builtins", "ConnectionError", Family.RETRY, "a connection broke"),
    ("builtins", "OSError", Family.RETRY, "the machine refused (disk, descriptors, permissions)"),
)


def judge(error: BaseException) -> Verdict:
    """What ``error`` means for the run it happened in."""
    if isinstance(error, Interrupted):
        return Verdict(Family.INTERRUPTED, str(error))
    if isinstance(error, Halt):
        return Verdict(Family.STOP, error.reason, outcome=error.outcome)
    if isinstance(error, Retry):
        return Verdict(Family.RETRY, error.reason, delay=error.delay, counts=error.counts)
    names = {(cls.__module__.split(".")[0], cls.__name__) for cls in type(error).__mro__}
    for module, name, family, told in TABLE:
        if (module, name) in names:
            outcome = Outcome.FAILED if family is Family.STOP else None
            return Verdict(
                family, f"{told}: {describe(error)}", delay=retry_after(error), outcome=outcome
            )
    return Verdict(Family.DEFECT, f"a defect: {describe(error)}")


def describe(error: BaseException) -> str:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{type(error).__name__}: {first[:300]}"


def retry_after(error: BaseException) -> float | None:
    """Seconds that the other side asked us to wait, where its headers are at hand: ``Retry-After``, or GitHub's
    ``X-RateLimit-Reset`` (an epoch time) once nothing remains."""
    headers = getattr(error, "headers", None) or getattr(error, "litellm_response_headers", None)
    try:
        lowered = {str(key).lower(): value for key, value in dict(headers or {}).items()}
        if "retry-after" not in lowered and str(lowered.get("x-ratelimit-remaining")) == "0":
            lowered["retry-after"] = float(lowered["x-ratelimit-reset"]) - time.time() + 1.0
        return min(max(0.0, float(lowered["retry-after"])), 3600.0)  # in this order NaN becomes 0
    except (KeyError, TypeError, ValueError):
        return None


def backoff(
    tries: int, *, base: float = 5.0, cap: float = 900.0, rng: random.Random | None = None
) -> float:
    """Seconds before the next try: full jitter
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    return (rng or random).uniform(0.0, min(cap, base * 2 ** min(tries, 20)))
