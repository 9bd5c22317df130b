"""What an error means for a run, as one table: wait, retry, stop, or a defect.

Classes are matched by name, so that the table imports no heavy library. The model's client raises
Retry or Halt itself, because LiteLLM's classes mislead.
"""

import errno
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pipeline.outcome import Outcome


class Retry(Exception):
    """The run can continue later from its last checkpoint. ``delay`` is in seconds.

    ``reason`` is a sentence for people; ``detail`` is what a library or a server said, for the log
    and the run's history. With ``counts=False`` it is a wait, not a failed try: the other side is
    down or asks for patience. Waits grow, and only end a run after ``MAX_WAITING``. With
    ``credentials_refused`` it is one, too, which only a person can end.
    """

    def __init__(
        self,
        reason: str,
        delay: float | None = None,
        *,
        counts: bool = True,
        credentials_refused: bool = False,
        detail: str = "",
    ):
        super().__init__(reason)
        self.reason = reason
        self.delay = delay
        self.counts = counts
        self.credentials_refused = credentials_refused
        self.detail = detail


class Halt(Exception):
    """The run must end. Raised by code below a stage; a stage itself returns Stop.

    ``reason`` and ``detail`` are as in ``Retry``.
    """

    def __init__(self, outcome: Outcome, reason: str, *, detail: str = ""):
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.detail = detail


class CredentialsRefused(Exception):
    """The deployment's own credentials can't be used. The message says which, and what to do."""


class Interrupted(Exception):
    """SIGTERM, a spot notice or a deployment. Not a failure: it uses up no try."""


class LeaseLost(Interrupted):
    """Another delivery owns the run now: no more writes or effects are allowed."""


class Family(StrEnum):
    RETRY = "retry"
    WAIT = "wait"
    """The other side is down or asks us to wait, or this machine has no room: no try is used up."""
    CREDENTIALS = "credentials"
    """The deployment's own credentials are refused: every run would fail, so none is begun until
    they are accepted again. No try is used up."""
    STOP = "stop"
    INTERRUPTED = "interrupted"
    DEFECT = "defect"


@dataclass(frozen=True)
class Verdict:
    """What an error means for its run."""

    family: Family
    reason: str
    """One sentence for people: what happened, and what to do about it."""
    detail: str = ""
    """What a library or a server said, for the log and the run's history."""
    delay: float | None = None
    """Seconds until the next try, as the other side asked; None for the caller's backoff."""
    outcome: Outcome | None = None

    @property
    def counts(self) -> bool:
        """Whether it uses up one of the run's tries."""
        return self.family in (Family.RETRY, Family.DEFECT)


def _always(_: BaseException) -> bool:
    return True


def _is_git_outage(error: BaseException) -> bool:
    return _GIT_OUTAGE.search(str(error)) is not None


def _is_full_disk(error: BaseException) -> bool:
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def _is_full_database(error: BaseException) -> bool:
    return "disk is full" in str(error)  # SQLite's words for SQLITE_FULL


def _is_limit(error: BaseException) -> bool:
    return _status(error) == 429 or retry_after(error) is not None


def _is_unauthorized(error: BaseException) -> bool:
    return _status(error) == 401


def _is_outage(error: BaseException) -> bool:
    status = _status(error)
    return status == 408 or status >= 500


def _is_aws_outage(error: BaseException) -> bool:
    response = getattr(error, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", ""))
    return _is_outage(error) or _AWS_OUTAGE.search(code) is not None


def _status(error: BaseException) -> int:
    """Return the HTTP status of an error of PyGithub or botocore; 0 if it has none."""
    status = getattr(error, "status", None)
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else 0


#: What git and curl say of a remote that is down, limits us, or can't be reached.
_GIT_OUTAGE = re.compile(
    r"(?:returned error:|HTTP) (?:408|425|429|5\d\d)|rate limit|too many requests|internal server"
    r"|fatal error in commit_refs"
    r"|Could(?:n't| not) resolve|Failed to connect|Couldn't connect|Connection re(?:set|fused)"
    r"|timed? ?out|took longer|too slow|hung up|early EOF|Empty reply|unexpected disconnect"
    r"|SSL_|HTTP/2 stream|transfer closed",
    re.IGNORECASE,
)
#: Parts of AWS's error codes for throttling, outages, and credentials that are being renewed
#: (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
_AWS_OUTAGE = re.compile(
    "Throttl|Throughput|LimitExceeded|TooManyRequests|SlowDown|Unavailable|Internal|Timeout"
    "|ExpiredToken|TransactionInProgress"
)


@dataclass(frozen=True)
class Row:
    package: str
    error: str
    """The class's name; subclasses match, too."""
    family: Family
    message: str
    """The reason: what happened and what to do. Empty if the error's own text is a sentence."""
    applies: Callable[[BaseException], bool] = _always


_DISK_FULL = "the worker's disk is full: the run waits until there is room on it"
#: The first matching row applies.
TABLE = (
    Row("pipeline", "ForgeRefused", Family.STOP, ""),
    Row("repository", "GitUnauthorized", Family.CREDENTIALS, ""),
    Row("repository", "GitRefused", Family.STOP, ""),
    Row("pipeline", "CredentialsRefused", Family.CREDENTIALS, ""),
    Row("repository", "DiskFull", Family.WAIT, _DISK_FULL),
    Row("repository", "MirrorBusy", Family.WAIT, "another run is fetching this repository"),
    Row(
        "repository",
        "GitUnavailable",
        Family.WAIT,
        "git could not reach the repository, or got no answer in time",
        _is_git_outage,
    ),
    Row(
        "repository",
        "GitUnavailable",
        Family.RETRY,
        "git could not fetch from or push to the repository",
    ),
    Row("github", "RateLimitExceededException", Family.WAIT, "GitHub's rate limit is reached"),
    Row(
        "github",
        "GithubException",
        Family.CREDENTIALS,
        "GitHub refused the credentials (401): check GITHUB_TOKEN, or GITHUB_APP_ID and"
        " GITHUB_APP_PRIVATE_KEY",
        _is_unauthorized,
    ),
    Row(
        "github",
        "GithubException",
        Family.WAIT,
        "GitHub is failing (see https://www.githubstatus.com)",
        _is_outage,
    ),
    Row("github", "GithubException", Family.WAIT, "GitHub's rate limit is reached", _is_limit),
    Row("github", "GithubException", Family.RETRY, "GitHub answered with an unexpected error"),
    Row("requests", "RequestException", Family.WAIT, "GitHub could not be reached"),
    Row("botocore", "BotoCoreError", Family.WAIT, "AWS could not be reached"),
    Row(
        "botocore",
        "ClientError",
        Family.WAIT,
        "AWS is failing or limits our requests",
        _is_aws_outage,
    ),
    Row(
        "botocore",
        "ClientError",
        Family.RETRY,
        "AWS refused a request: check the names of table, bucket and queue, and the permissions",
    ),
    Row("sqlite3", "OperationalError", Family.WAIT, _DISK_FULL, _is_full_database),
    Row(
        "sqlite3",
        "OperationalError",
        Family.RETRY,
        "the store's file is locked or can't be written: check its disk",
    ),
    Row("builtins", "TimeoutError", Family.RETRY, "an operation took too long"),
    Row("builtins", "ConnectionError", Family.RETRY, "a connection broke"),
    Row("builtins", "OSError", Family.WAIT, _DISK_FULL, _is_full_disk),
    Row(
        "builtins",
        "OSError",
        Family.RETRY,
        "the worker's machine failed: check its memory and permissions",
    ),
)
DEFECT = "a defect in coding-agent stopped the run: its log has the traceback"

#: Maximum seconds that we wait because the other side asked us to.
MAX_RETRY_AFTER = 3600.0
#: Seconds that a run may wait, without any progress, for GitHub, a model or AWS: an outage or an
#: empty account can last a weekend.
MAX_WAITING = 72 * 3600.0
#: Seconds of a run's first wait in a row, and of its longest ones. GitHub asks for at least a
#: minute, and for longer each time
#: (https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api).
FIRST_WAIT = 60.0
LONGEST_WAIT = 900.0
#: The share of a wait that is added at random, so that runs don't all return at the same moment.
_JITTER = 0.25
_CLASS_NAME = re.compile(r"[\w.]*(?:Error|Exception):\s*|[\w.]*Exception\b")
_BRACES = re.compile(r"\{.*\}|[{}]")
#: Maximum characters of a sentence for people.
MAX_SENTENCE = 500
#: Maximum characters of an error's message in a log line.
MAX_DESCRIPTION = 300


def judge(error: BaseException) -> Verdict:
    """Return what ``error`` means for the run in which it happened."""
    if isinstance(error, Interrupted):
        return Verdict(Family.INTERRUPTED, str(error))
    if isinstance(error, Halt):
        reason = to_sentence(error.reason)
        return Verdict(Family.STOP, reason, error.detail, outcome=error.outcome)
    if isinstance(error, Retry):
        reason = to_sentence(error.reason)
        return Verdict(_family(error), reason, error.detail, delay=error.delay)
    row = _find_row(error)
    if row is None:
        return Verdict(Family.DEFECT, DEFECT, describe(error))
    outcome = Outcome.FAILED if row.family is Family.STOP else None
    reason = row.message or to_sentence(str(error))
    cause = error if row.message else error.__cause__
    detail = describe(cause) if cause is not None else ""
    return Verdict(row.family, reason, detail, retry_after(error), outcome)


def _family(error: Retry) -> Family:
    if error.credentials_refused:
        return Family.CREDENTIALS
    return Family.RETRY if error.counts else Family.WAIT


def to_sentence(text: str) -> str:
    """Return the first line of a text for people, without the names of error classes and without
    JSON: what a server or a library says may have both.
    """
    lines = text.strip().splitlines() or [""]
    line = _CLASS_NAME.sub("", lines[0])
    line = _BRACES.sub("", line)
    return " ".join(line.split())[:MAX_SENTENCE]


def waiting_time(waits: int, requested: float | None) -> float:
    """Return the seconds of a run's next wait.

    Args:
        waits: its waits in a row, this one included.
        requested: how many seconds the other side asked us to wait, if it did.
    """
    doublings = min(waits - 1, 20)
    seconds: float = min(FIRST_WAIT * 2**doublings, LONGEST_WAIT)
    jitter = random.uniform(0.0, _JITTER * seconds)  # noqa: S311 (no secret)
    return max(seconds, requested or 0.0) + jitter


def _find_row(error: BaseException) -> Row | None:
    names = set()
    for cls in type(error).__mro__:
        package = cls.__module__.split(".")[0]
        names.add((package, cls.__name__))
    for row in TABLE:
        if (row.package, row.error) in names and row.applies(error):
            return row
    return None


def describe(error: BaseException) -> str:
    """Return the error's class and the first line of its message."""
    return describe_as(type(error).__name__, str(error))


def describe_as(name: str, message: str) -> str:
    """Return what ``describe`` does of an error with this class and message."""
    message = message.strip() or name
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
