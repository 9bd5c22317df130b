"""Errors of litellm's calls, read as failures.

litellm wraps a provider's error several times, and its own status and class may be wrong: a status
that it does not know becomes 500. The HTTP error is in the chain of causes.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from pipeline.errors import describe, retry_after
from pipeline.model.failures import (
    QUOTA_CODE,
    ModelError,
    is_uncharged,
    to_failure,
)
from pipeline.telemetry import MIN_SECRET, environment_secrets

#: Anthropic refuses a request for lack of money with status 400 and no code of its own.
_NO_CREDIT = "credit balance is too low"


def to_model_error(error: BaseException, model: str) -> ModelError:
    """Convert an error of litellm. The result holds no part of the request."""
    http_error = _http_error(error)
    status = getattr(error, "status_code", None)
    delay = retry_after(error)
    if http_error is not None:
        status = http_error.response.status_code
        delay = retry_after(http_error.response)
    text = describe(error)
    code = QUOTA_CODE if _NO_CREDIT in text else _provider_code(error)
    return ModelError(
        to_failure(status, code, type(error).__name__),
        _without_keys(text),
        charged=not is_uncharged(status, model),
        delay=delay,
    )


def _http_error(error: BaseException) -> httpx.HTTPStatusError | None:
    for cause in _causes(error):
        if isinstance(cause, httpx.HTTPStatusError):
            return cause
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


def _provider_code(error: BaseException) -> str | None:
    """Return the provider's own error code."""
    for cause in _causes(error):
        body = getattr(cause, "body", None)
        if not isinstance(body, dict):
            body = _error_object(getattr(cause, "message", None))
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
