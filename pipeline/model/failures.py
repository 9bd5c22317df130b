"""What to do after a failed model call, as one table: retry it, ask another model, or end or defer
the run.
"""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.errors import Halt, Retry
from pipeline.outcome import Outcome


class Failure(StrEnum):
    """The kinds of errors, for all providers."""

    RATE_LIMIT = "its rate limit is reached"
    OVERLOAD = "it is overloaded or broken"
    UNREACHABLE = "it can't be reached"
    TIMEOUT = "it did not answer in time"
    UNREADABLE = "its answer can't be read"
    QUOTA = "its account is used up"
    KEY = "it refused the key"
    NO_KEY = "its key is missing"
    CONTEXT = "the prompt is longer than the model's context"
    FILTER = "its content policy refused the prompt"
    UNKNOWN_MODEL = "it does not know the model"
    REFUSED = "it refused the request"


@dataclass(frozen=True)
class Rule:
    """The reaction to one kind of failure."""

    retries: int
    """How often the same request is repeated before another model is asked."""
    try_fallback: bool
    """Another model may be able to answer."""
    outcome: Outcome | None
    """How the run ends; None if it can continue later."""
    delay: float | None = None
    """Seconds until the run tries again, unless the provider says."""
    may_shorten: bool = False
    """The caller may ask again with a shorter prompt."""
    advice: str = ""
    """What a person can do."""


_KEY_ADVICE = "check its key (`coding-agent doctor` names the variable)"

RULES: dict[Failure, Rule] = {
    Failure.RATE_LIMIT: Rule(retries=3, try_fallback=True, outcome=None),
    Failure.OVERLOAD: Rule(retries=2, try_fallback=True, outcome=None),
    Failure.UNREACHABLE: Rule(retries=2, try_fallback=True, outcome=None),
    # The same request would most likely take as long again, and each may be charged.
    Failure.TIMEOUT: Rule(retries=0, try_fallback=True, outcome=None),
    Failure.UNREADABLE: Rule(retries=1, try_fallback=True, outcome=None),
    # A person must pay first.
    Failure.QUOTA: Rule(
        retries=0,
        try_fallback=True,
        outcome=None,
        delay=3600.0,
        advice="pay its account or raise its limit",
    ),
    Failure.KEY: Rule(retries=0, try_fallback=True, outcome=None, advice=_KEY_ADVICE),
    Failure.NO_KEY: Rule(retries=0, try_fallback=True, outcome=None, advice=_KEY_ADVICE),
    Failure.CONTEXT: Rule(retries=0, try_fallback=True, outcome=Outcome.NO_FIX, may_shorten=True),
    Failure.FILTER: Rule(retries=0, try_fallback=True, outcome=Outcome.NO_FIX),
    Failure.UNKNOWN_MODEL: Rule(
        retries=0, try_fallback=True, outcome=Outcome.FAILED, advice="check the model's name"
    ),
    Failure.REFUSED: Rule(
        retries=0, try_fallback=False, outcome=Outcome.FAILED, advice="the log has its message"
    ),
}

#: The failures of a provider that does not answer. Any other one, even a refusal, is an answer.
OUTAGES = frozenset({Failure.OVERLOAD, Failure.UNREACHABLE, Failure.TIMEOUT, Failure.UNREADABLE})
_WRONG_KEYS = frozenset({Failure.KEY, Failure.NO_KEY})

#: Another 4xx is a refused request, and anything else an overload.
_BY_STATUS = {
    401: Failure.KEY,
    402: Failure.QUOTA,  # resellers of models send this for an empty account
    403: Failure.KEY,
    404: Failure.UNKNOWN_MODEL,
    407: Failure.UNREACHABLE,  # the proxy refuses
    408: Failure.TIMEOUT,
    409: Failure.OVERLOAD,  # a conflict with another request
    424: Failure.OVERLOAD,  # Bedrock: the model failed
    425: Failure.OVERLOAD,
    429: Failure.RATE_LIMIT,
    499: Failure.OVERLOAD,  # a gateway ended the connection
    504: Failure.TIMEOUT,
}
#: OpenAI's code, with status 429.
QUOTA_CODE = "insufficient_quota"
#: Azure's code, with status 400.
FILTER_CODE = "content_filter"
_BY_CODE = {
    "context_length_exceeded": Failure.CONTEXT,
    FILTER_CODE: Failure.FILTER,
    "content_policy_violation": Failure.FILTER,
}
#: By the names of litellm's classes.
_BY_CLASS = {
    "ContextWindowExceededError": Failure.CONTEXT,
    "ContentPolicyViolationError": Failure.FILTER,
}
#: Statuses that decide the kind of failure, whatever the error's code.
_DECISIVE_STATUSES = {401, 402, 403, 404, 429}
_FORBIDDEN = 403
#: Client errors after which the model may have worked: a time-out, Bedrock's failed model, a
#: gateway that lost the connection.
_MAYBE_CHARGED = frozenset({408, 424, 499})
#: Anthropic's status for a request that it has no capacity for
#: (https://docs.claude.com/en/api/errors).
_NO_CAPACITY = 529
#: Google charges only for answers with status 200 (https://ai.google.dev/gemini-api/docs/billing,
#: https://cloud.google.com/vertex-ai/generative-ai/pricing).
_CHARGES_ONLY_ANSWERS = ("gemini/", "vertex_ai/")


class ModelError(Exception):
    """A model call failed.

    ``charged`` is False if it certainly cost nothing, so that its reservation can be released.
    ``delay`` is how many seconds the provider asked us to wait.
    """

    def __init__(
        self, failure: Failure, message: str, *, charged: bool, delay: float | None = None
    ):
        super().__init__(f"the model provider: {failure}: {message}")
        self.failure = failure
        self.message = message
        self.model: str | None = None
        """The model that was asked; the buyer sets it."""
        self.charged = charged
        self.delay = delay

    @property
    def rule(self) -> Rule:
        return RULES[self.failure]

    def uncharged(self, delay: float) -> "ModelError":
        """Return the same failure of a call that was not made."""
        return ModelError(self.failure, self.message, charged=False, delay=delay)

    def verdict(self) -> Retry | Halt:
        """Return the run's reaction once all retries have failed.

        What may have been charged uses up a try, since it can't be repeated without end. Anything
        else is waited for.
        """
        name = f"the model {self.model}" if self.model else "the model"
        reason = f"{name} could not answer: {self.failure}"
        if self.rule.advice:
            reason += f"; {self.rule.advice}"
        if self.rule.outcome is not None:
            return Halt(self.rule.outcome, reason, detail=self.message)
        delay = self.rule.delay if self.delay is None else self.delay
        return Retry(
            reason,
            delay,
            counts=self.charged,
            credentials_refused=self.failure in _WRONG_KEYS,
            detail=self.message,
        )


def to_failure(status: int | None, code: str | None, class_name: str = "") -> Failure:
    """Classify an error by its HTTP status, the provider's error code and litellm's class name.

    The classes are not reliable: a 401 with an unusual text is a BadRequestError, a used-up account
    a RateLimitError, a dropped connection an InternalServerError.
    """
    if code == QUOTA_CODE:
        return Failure.QUOTA
    by_code = _BY_CODE.get(code or "")
    if status == _FORBIDDEN and by_code is Failure.FILTER:
        return Failure.FILTER  # its key is good
    if status in _DECISIVE_STATUSES:
        return _BY_STATUS[status]
    named = (by_code, _BY_CLASS.get(class_name))
    if Failure.CONTEXT in named:
        return Failure.CONTEXT
    if Failure.FILTER in named:
        return Failure.FILTER
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return Failure.REFUSED if _is_client_error(status) else Failure.OVERLOAD


def is_uncharged(status: int | None, model: str) -> bool:
    """Return whether an answer with this HTTP status certainly cost nothing; None: no answer.

    Azure may bill a 400 of its content filter or its input limit (learn.microsoft.com, Azure
    OpenAI, "HTTP error response code and billing status").
    """
    if status is None or status < 400:
        return False
    if model.startswith(_CHARGES_ONLY_ANSWERS) or status == _NO_CAPACITY:
        return True
    if status == 400 and model.startswith("azure"):
        return False
    return _is_client_error(status) and status not in _MAYBE_CHARGED


def _is_client_error(status: int | None) -> bool:
    return status is not None and 400 <= status < 500
