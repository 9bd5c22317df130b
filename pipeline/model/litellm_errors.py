"""Errors of litellm's calls, read as failures.

litellm wraps a provider's error several times, and its own class and status may be wrong: a status
that it does not know becomes 500, as do a refused connection and a missing key, and "429" anywhere
in an error's text makes it a rate limit. What happened is in the chain of causes.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx

from pipeline.errors import describe_as, retry_after
from pipeline.model.failures import (
    FILTER_CODE,
    QUOTA_CODE,
    Failure,
    ModelError,
    is_uncharged,
    to_failure,
)
from pipeline.telemetry import MIN_SECRET, environment_secrets

#: Anthropic refuses a request for lack of money with status 400 and no code of its own.
_NO_CREDIT = "credit balance is too low"
#: OpenRouter refuses an input that its moderation flags with status 403 and these details
#: (https://openrouter.ai/docs/api/reference/errors-and-debugging).
_FLAGGED_INPUT = "flagged_input"

#: Errors that are raised before a request is sent, by package and class; subclasses match, too.
#: httpx.ConnectError is not one of them: litellm also raises it for a connection that broke while
#: the request was written or its answer was read (``AIOHTTP_EXC_MAP``).
_NEVER_SENT = {
    # A refused or unreachable address, a name without an address, a failed TLS handshake, a proxy
    # that can't be reached.
    ("aiohttp", "ClientConnectorError"): Failure.UNREACHABLE,
    ("aiohttp", "ConnectionTimeoutError"): Failure.UNREACHABLE,
    ("aiohttp", "ClientHttpProxyError"): Failure.UNREACHABLE,
    ("httpcore", "ConnectError"): Failure.UNREACHABLE,
    ("httpcore", "ConnectTimeout"): Failure.UNREACHABLE,
    ("httpcore", "PoolTimeout"): Failure.UNREACHABLE,
    ("httpcore", "ProxyError"): Failure.UNREACHABLE,
    # litellm sends its requests to Bedrock itself; from botocore it only takes credentials.
    ("botocore", "ConnectTimeoutError"): Failure.UNREACHABLE,
    ("botocore", "CredentialRetrievalError"): Failure.NO_KEY,
    ("botocore", "EndpointConnectionError"): Failure.UNREACHABLE,
    ("botocore", "NoCredentialsError"): Failure.NO_KEY,
    ("botocore", "PartialCredentialsError"): Failure.NO_KEY,
    ("botocore", "ProfileNotFound"): Failure.NO_KEY,
    ("botocore", "ProxyConnectionError"): Failure.UNREACHABLE,
    ("botocore", "SSOError"): Failure.NO_KEY,
    ("botocore", "TokenRetrievalError"): Failure.NO_KEY,
    # Access tokens for Vertex AI and Azure.
    ("google", "DefaultCredentialsError"): Failure.NO_KEY,
    ("google", "RefreshError"): Failure.KEY,
    ("google", "TransportError"): Failure.UNREACHABLE,
    ("azure", "ClientAuthenticationError"): Failure.KEY,
    # litellm itself refuses an argument.
    ("litellm", "UnsupportedParamsError"): Failure.REFUSED,
}
_UNAUTHORIZED = 401
#: The text of a missing key's error where it has no class of its own.
_MISSING_KEY = re.compile(
    r"missing credentials"  # openai
    r"|missing [\w ]*api[ _-]?key"  # gemini
    r"|api_key client option must be set"  # openai before 1.100
    r"|(api[ _-]?key|api_base|azure_endpoint|base_url|project_id|credentials)\b.{0,60}"
    r"\b(is required|must be set|not set|arguments)",
    re.IGNORECASE,
)


def to_model_error(error: BaseException, model: str) -> ModelError:
    """Convert an error of litellm. The result holds no part of the request."""
    # Keys are replaced first: in a shortened message, a part of one may be left.
    text = describe_as(type(error).__name__, _without_keys(str(error)))
    response = _response(error)
    if response is not None:
        return _of_response(error, response, text, model)
    failure = _never_sent(error)
    if failure is not None:
        return ModelError(failure, text, charged=False)
    return ModelError(_broken_off(error), text, charged=True)


def _of_response(
    error: BaseException, response: httpx.Response, text: str, model: str
) -> ModelError:
    """Convert an error of a request that the provider answered."""
    status = response.status_code
    code = QUOTA_CODE if _NO_CREDIT in text else _provider_code(error)
    return ModelError(
        to_failure(status, code, type(error).__name__),
        text,
        charged=not is_uncharged(status, model),
        delay=retry_after(response),
    )


def _response(error: BaseException) -> httpx.Response | None:
    """Return the provider's answer; None if there is none."""
    for cause in _causes(error):
        if isinstance(cause, httpx.HTTPStatusError):
            return cause.response
    return None


def _never_sent(error: BaseException) -> Failure | None:
    """Return why the request certainly was not sent; None if it may have been."""
    causes = list(_causes(error))
    for cause in causes:
        for name in _class_names(cause):
            if name in _NEVER_SENT:
                return _NEVER_SENT[name]
    return Failure.NO_KEY if _is_of_missing_key(causes[-1]) else None


def _is_of_missing_key(error: BaseException) -> bool:
    """Return whether an error without a cause says that a key is missing."""
    names = _class_names(error)
    packages = {package for package, _ in names}
    if "litellm" in packages and getattr(error, "status_code", None) == _UNAUTHORIZED:
        return True  # litellm's own: no provider has answered
    # A subclass of ValueError, such as pydantic's, may quote a reply that was paid.
    has_class = ("openai", "OpenAIError") in names or type(error) is ValueError
    return has_class and _MISSING_KEY.search(str(error)) is not None


def _broken_off(error: BaseException) -> Failure:
    """Classify the failure of a request that may have reached the provider."""
    for cause in _causes(error):
        if isinstance(cause, TimeoutError | httpx.TimeoutException):
            return Failure.TIMEOUT
        if isinstance(cause, json.JSONDecodeError):
            return Failure.UNREADABLE
    return Failure.OVERLOAD


def _class_names(error: BaseException) -> set[tuple[str, str]]:
    """Return the package and the name of the error's class and of its base classes."""
    return {(cls.__module__.split(".")[0], cls.__name__) for cls in type(error).__mro__}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error, its cause, and so on, down to what happened first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _provider_code(error: BaseException) -> str | None:
    """Return the provider's own error code."""
    for cause in _causes(error):
        body = getattr(cause, "body", None)
        if not isinstance(body, dict):
            body = _error_object(getattr(cause, "message", None))
        metadata = body.get("metadata")
        if isinstance(metadata, dict) and _FLAGGED_INPUT in metadata:
            return FILTER_CODE
        code = body.get("code")
        if isinstance(code, str):
            return code
    return None


def _error_object(text: object) -> dict[str, Any]:
    """Return the ``error`` object of a response's body; empty if there is none."""
    try:
        body = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _without_keys(text: str) -> str:
    """Replace each secret of the environment with its variable's name, which helps find it."""
    for name, value in environment_secrets().items():
        if len(value) >= MIN_SECRET:
            text = text.replace(value, f"[{name}]")
    return text
