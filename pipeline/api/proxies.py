"""Whether a request came straight from its sender, or through a load balancer or a proxy."""

from starlette.requests import Request

_ADDED_BY_PROXIES = ("x-forwarded-for", "forwarded")


def was_passed_on(request: Request) -> bool:
    """Return whether a proxy says whose request it passes on."""
    return any(name in request.headers for name in _ADDED_BY_PROXIES)
