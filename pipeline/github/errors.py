"""Which of GitHub's errors a retry would not fix, and what to do about them."""

from typing import TYPE_CHECKING

from pipeline.errors import Retry, retry_after, to_sentence
from pipeline.github import ForgeRefused

if TYPE_CHECKING:
    from github.GithubException import GithubException

_NOT_ACCESSIBLE = "Resource not accessible"
"""How GitHub's message begins if the token, as opposed to its person, lacks a permission."""


def forge_error(error: "GithubException", missing: str, permission: str = "") -> Exception:
    """Return ForgeRefused for an error that a retry would not fix.

    Other errors are returned unchanged, for ``pipeline.errors`` to judge.

    Args:
        missing: the message for a 404.
        permission: what the token needs for the request, for a 403.
    """
    from github.GithubException import RateLimitExceededException

    message = github_words(error)
    if error.status in (404, 410, 451):
        return ForgeRefused(f"{missing} (GitHub: {message})")
    rate_limited = isinstance(error, RateLimitExceededException) or retry_after(error) is not None
    if error.status == 403 and not rate_limited:
        lacks_permission = permission and _NOT_ACCESSIBLE in message
        cure = f"; the token needs {permission}" if lacks_permission else ""
        return ForgeRefused(f"GitHub does not allow it (403): {message.rstrip('.')}{cure}")
    if _graphql_types(error) & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return ForgeRefused(f"GitHub does not allow it: {message}")
    if "RATE_LIMITED" in _graphql_types(error):
        return Retry("GitHub's rate limit", counts=False, detail=message)
    if error.status == 422 and "already exists" in message:
        return Retry(f"GitHub: {message}")
    if error.status == 422:
        return ForgeRefused(f"GitHub refused the request (422): {message}")
    return error


def _graphql_types(error: "GithubException") -> set[str]:
    """Return the types of GraphQL's errors, which come with the status 200; empty for REST."""
    data = error.data if isinstance(error.data, dict) else {}
    errors = [detail for detail in data.get("errors") or () if isinstance(detail, dict)]
    return {str(detail["type"]) for detail in errors if "type" in detail}


def github_words(error: "GithubException") -> str:
    """Return GitHub's message and its details as a sentence."""
    data = error.data if isinstance(error.data, dict) else {}
    parts = [str(data.get("message") or f"status {error.status}")]
    for detail in data.get("errors") or ():
        if isinstance(detail, dict):
            field_and_code = f"{detail.get('field')}: {detail.get('code')}"
            parts.append(str(detail.get("message") or field_and_code))
        else:
            parts.append(str(detail))
    words = " ".join("; ".join(parts).split())
    return to_sentence(words) or f"status {error.status}"
