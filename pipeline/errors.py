"""What an error means for a run, as one table: retry, stop, or a defect.

Classes are matched by name, so that the table imports no heavy library. The model's client raises
Retry or Halt itself, because LiteLLM's classes mislead.
"""

import time
from dataclasses import dataclass
from enum import StrEnum

from pipeline.outcome import Outcome


class Retry(Exception):
    """The run can continue later from its last checkpoint. ``delay`` is in seconds.

    With ``counts=False`` it is a wait, not a failed try: a run may wait any number of times.
    """

    def __init__(self, reason: str, delay: float | None = None, *, counts: bool = True):
        super().__init__(reason)
        self.reason = reason
        self.delay = delay
        self.counts = counts


class Halt(Exception):
    """The run must end. Raised by code below a stage; a stage itself returns Stop."""

    def __init__(self, outcome: Outcome, reason: str):
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class Interrupted(Exception):
    """SIGTERM, a spot notice or a deployment. Not a failure: it uses up no try."""


class LeaseLost(Interrupted):
    """Another delivery owns the run now: no more writes or effects are allowed."""


class Family(StrEnum):
    RETRY = "retry"
    STOP = "stop"
    INTERRUPTED = "interrupted"
    DEFECT = "defect"


@dataclass(frozen=True)
class Verdict:
    """What an error means for its run."""

    family: Family
    reason: str
    delay: float | None = None
    """Seconds until the next try; None for the caller's backoff."""
    outcome: Outcome | None = None
    counts: bool = True
    """Whether it uses up one of the run's tries; False for a wait."""


@dataclass(frozen=True)
class Row:
    package: str
    error: str
    """The class's name; subclasses match, too."""
    family: Family
    message: str
    """For people."""


#: The first matching row applies.
TABLE = (
    Row("pipeline", "ForgeRefused", Family.STOP, "GitHub refused, and waiting won't help"),
    Row("repository", "GitUnavailable", Family.RETRY, "git got no answer in time"),
    Row("github", "RateLimitExceededException", Family.RETRY, "GitHub's rate limit"),
    Row(
        "github",
        "BadCredentialsException",
        Family.RETRY,
        "GitHub refused the token (401): check GITHUB_TOKEN",
    ),
    Row("github", "GithubException", Family.RETRY, "GitHub answered with an error"),
    Row("requests", "RequestException", Family.RETRY, "GitHub could not be reached"),
    Row("botocore", "BotoCoreError", Family.RETRY, "AWS could not be reached"),
    Row("botocore", "ClientError", Family.RETRY, "AWS answered with an error"),
    Row("sqlite3", "OperationalError", Family.RETRY, "the store is locked or its disk is full"),
    Row("builtins", "TimeoutError", Family.RETRY, "a time-out"),
    Row("builtins", "ConnectionError", Family.RETRY, "a connection broke"),
    Row(
        "builtins",
        "OSError",
        Family.RETRY,
        "the machine refused (disk, descriptors, permissions)",
    ),
)
#: Maximum seconds that we wait because the other side asked us to.
MAX_RETRY_AFTER = 3600.0
#: Maximum characters of an error's message in a log line.
MAX_DESCRIPTION = 300


def judge(error: BaseException) -> Verdict:
    """Return what ``error`` means for the run in which it happened."""
    if isinstance(error, Interrupted):
        return Verdict(Family.INTERRUPTED, str(error))
    if isinstance(error, Halt):
        return Verdict(Family.STOP, error.reason, outcome=error.outcome)
    if isinstance(error, Retry):
        return Verdict(Family.RETRY, error.reason, delay=error.delay, counts=error.counts)
    row = _find_row(error)
    if row is None:
        return Verdict(Family.DEFECT, f"a defect: {describe(error)}")
    reason = f"{row.message}: {describe(error)}"
    outcome = Outcome.FAILED if row.family is Family.STOP else None
    return Verdict(row.family, reason, delay=retry_after(error), outcome=outcome)


def _find_row(error: BaseException) -> Row | None:
    names = set()
    for cls in type(error).__mro__:
        package = cls.__module__.split(".")[0]
        names.add((package, cls.__name__))
    for row in TABLE:
        if (row.package, row.error) in names:
            return row
    return None


def describe(error: BaseException) -> str:
    """Return the error's class and the first line of its message."""
    name = type(error).__name__
    message = str(error).strip() or name
    return f"{name}: {message.splitlines()[0][:MAX_DESCRIPTION]}"


def retry_after(error: object) -> float | None:
    """Return how many seconds the headers of an error or a response ask us to wait; None if they
    don't.

    The header is ``Retry-After``, or GitHub's ``X-RateLimit-Reset`` (an epoch time) once no request
    remains.
    """
    headers = getattr(error, "headers", None) or getattr(error, "litellm_response_headers", None)
    try:
        values = {str(name).lower(): value for name, value in dict(headers or {}).items()}
        if "retry-after" in values:
            seconds = float(values["retry-after"])
        elif str(values["x-ratelimit-remaining"]) == "0":
            seconds = float(values["x-ratelimit-reset"]) - time.time() + 1.0
        else:
            return None
    except (KeyError, TypeError, ValueError):
        return None
    return min(max(0.0, seconds), MAX_RETRY_AFTER)  # in this order NaN becomes 0
