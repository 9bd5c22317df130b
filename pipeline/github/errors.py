"""Which of GitHub's errors a retry would not fix, and what to do about them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import Retry, retry_after, to_sentence
from pipeline.github import ForgeRefused

if TYPE_CHECKING:
    from github.GithubException import GithubException

_UNAVAILABLE = (404, 410, 451)
_GRAPHQL_REFUSALS = {"FORBIDDEN", "INSUFFICIENT_SCOPES"}
_GRAPHQL_LIMITS = {"RATE_LIMITED", "RATE_LIMIT"}
_GRAPHQL_STATUS = 400
"""The status that PyGithub gives to GraphQL's errors."""
_SECONDARY_LIMIT = "secondary rate limit"
_QUERY_FAILED = "Something went wrong while executing your query"
"""GraphQL's message for a timeout or a failure of its own."""
_NOT_ACCESSIBLE = "Resource not accessible"
"""How GitHub's message begins if the token, as opposed to its person, lacks a permission."""


def forge_error(error: "GithubException", missing: str, permission: str = "") -> Exception:
    """Return ForgeRefused for an error that a retry would not fix.

    Other errors are returned unchanged, for ``pipeline.errors`` to judge.

    Args:
        missing: the message for a 404.
        permission: what the token needs for the request, for a 403.
    """
    message = github_words(error)
    if error.status in _UNAVAILABLE:
        return ForgeRefused(f"{missing} (GitHub: {message})")
    if error.status == 403 and not _is_rate_limit(error):
        return ForgeRefused(_forbidden(message, permission))
    graphql_types = _graphql_types(error)
    if graphql_types & _GRAPHQL_REFUSALS:
        return ForgeRefused(f"GitHub does not allow it: {message}")
    if graphql_types & _GRAPHQL_LIMITS or _is_untyped(error, _SECONDARY_LIMIT):
        delay = retry_after(error)
        return Retry("GitHub's rate limit is reached", delay, counts=False, detail=message)
    if _is_untyped(error, _QUERY_FAILED):
        return Retry("GitHub is failing", counts=False, detail=message)
    if error.status == 422 and "already exists" in message:
        return Retry(f"GitHub: {message}")
    if error.status == 422:
        return ForgeRefused(f"GitHub refused the request (422): {message}")
    return error


def _is_rate_limit(error: "GithubException") -> bool:
    from github.GithubException import RateLimitExceededException

    if isinstance(error, RateLimitExceededException):
        return True
    return retry_after(error) is not None


def _forbidden(message: str, permission: str) -> str:
    """Return the reason of a refusal with a 403."""
    reason = f"GitHub does not allow it (403): {message.rstrip('.')}"
    if permission and _NOT_ACCESSIBLE in message:
        return f"{reason}; the token needs {permission}"
    return reason


def _graphql_types(error: "GithubException") -> set[str]:
    """Return the types of GraphQL's errors, which come with the status 200; empty for REST."""
    types: set[str] = set()
    for detail in _details(_fields(error)):
        if isinstance(detail, dict) and "type" in detail:
            types.add(str(detail["type"]))
    return types


def _is_untyped(error: "GithubException", message: str) -> bool:
    """Return whether it is GraphQL's error with this message, for which it has no type."""
    return error.status == _GRAPHQL_STATUS and message in github_words(error)


def github_words(error: "GithubException") -> str:
    """Return GitHub's message and its details as a sentence."""
    status = f"status {error.status}"
    fields = _fields(error)
    parts = [str(fields.get("message") or status)]
    for detail in _details(fields):
        parts.append(_detail_words(detail))
    words = "; ".join(parts).split()
    return to_sentence(" ".join(words)) or status


def _detail_words(detail: object) -> str:
    if not isinstance(detail, dict):
        return str(detail)
    message = detail.get("message")
    if message:
        return str(message)
    return f"{detail.get('field')}: {detail.get('code')}"


def _fields(error: "GithubException") -> dict[str, Any]:
    """Return the fields of GitHub's answer; empty if it is no JSON object."""
    return error.data if isinstance(error.data, dict) else {}


def _details(fields: dict[str, Any]) -> Sequence[object]:
    return fields.get("errors") or ()
