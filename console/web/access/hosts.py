"""Addresses: which of them are this machine's own, and where a request was sent."""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request

from pipeline.api.problem import Refusal
from pipeline.api.proxies import was_passed_on


def is_loopback(host: str) -> bool:
    """Return whether a host name or an IP address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def requested_host(request: Request) -> str:
    """Return the name of the host that the browser asked for, without the port."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def check_local_host(request: Request) -> None:
    """Refuse a request that reached a loopback address under another name, or through a proxy.

    A stranger's page may let its own name point to 127.0.0.1 (DNS rebinding), and would then be
    allowed to read what this machine answers. A proxy lets in whoever reaches it, and may ask
    under this machine's name.

    Raises:
        Refusal: 421.
    """
    if not is_loopback(requested_host(request)):
        message = (
            "without keys, the console answers only under localhost and 127.0.0.1; set"
            " CODING_AGENT_API_KEYS to serve it under another name"
        )
        raise Refusal(421, "wrong_host", message)
    if was_passed_on(request):
        message = (
            "without keys, the console answers only on this machine, not through a proxy; set"
            " CODING_AGENT_API_KEYS to serve it to others"
        )
        raise Refusal(421, "passed_on", message)
