"""Deciding who a request comes from: a session's key or, without keys, this machine's user."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from console.web.access.hosts import check_local_host, is_loopback, requested_host
from console.web.access.sessions import SESSION_SECONDS, Session, Sessions
from pipeline.api.keys import ApiKeys, Buckets, Caller
from pipeline.api.problem import Refusal
from pipeline.api_keys import ApiKey, KeyLimits

#: Attempts to sign in per second, and in a burst, of one address.
SIGN_IN_RATE = 0.2
SIGN_IN_BURST = 10

#: Whoever uses a console without keys: it answers only on this machine.
LOCAL = Caller("local", KeyLimits(operator=True))
_COOKIE = "coding-agent-console"
#: A browser accepts this prefix only with Secure, without Domain and with Path=/
#: (https://www.rfc-editor.org/rfc/rfc6265bis#section-4.1.3.2).
_SECURE_COOKIE = f"__Host-{_COOKIE}"


class SignInNeeded(Exception):
    """The request has no valid session, and the console has keys."""


@dataclass(frozen=True)
class Visitor:
    """Who a request comes from."""

    session: Session
    caller: Caller
    is_new: bool
    """Whether the session has just begun, so that the response must set its cookie."""


class Authenticator:
    """Identifies people by one of ``keys``, or takes them for this machine's user without keys.

    ``clock`` returns seconds since the epoch, ``monotonic`` seconds that never go back.
    """

    def __init__(
        self,
        keys: Sequence[ApiKey],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ):
        self.sessions = Sessions(clock)
        self._keys = ApiKeys(keys)
        self._callers = {key.name: Caller(key.name, key.limits) for key in keys}
        self._attempts = Buckets(SIGN_IN_RATE, SIGN_IN_BURST, monotonic)

    @property
    def needs_key(self) -> bool:
        return bool(self._callers)

    def identify(self, request: Request) -> Visitor:
        """Return who a request comes from.

        Raises:
            SignInNeeded: there is no session.
            Refusal: 421, see ``check_local_host``.
        """
        session = self.sessions.read(request.cookies.get(_cookie_name(request), ""))
        if not self.needs_key:
            check_local_host(request)
            if session is None:
                return Visitor(self.sessions.begin(LOCAL.name), LOCAL, is_new=True)
            return Visitor(session, LOCAL, is_new=False)
        caller = self._callers.get(session.name) if session is not None else None
        if session is None or caller is None:
            raise SignInNeeded
        return Visitor(session, caller, is_new=False)

    def sign_in(self, key: str, address: str) -> Session:
        """Begin a session for the holder of a key.

        Raises:
            Refusal: 401 for a wrong key, 429 for too many attempts.
        """
        wait = self._attempts.take(address)
        if wait:
            message = f"too many attempts to sign in; wait {wait} s"
            raise Refusal(429, "rate_limited", message, retry_after=wait)
        caller = self._keys.caller(key)
        if caller is None:
            raise Refusal(401, "unauthorized", "this key is not one of the deployment's keys")
        return self.sessions.begin(caller.name)

    def end_session(self, request: Request) -> None:
        """Make the request's session invalid, if it has one."""
        session = self.sessions.read(request.cookies.get(_cookie_name(request), ""))
        if session is not None:
            self.sessions.end(session)

    def set_cookie(self, request: Request, response: Response, session: Session) -> None:
        response.set_cookie(
            _cookie_name(request),
            self.sessions.cookie(session),
            max_age=SESSION_SECONDS,
            path="/",
            secure=_is_remote(request),
            httponly=True,
            samesite="strict",
        )

    def delete_cookie(self, request: Request, response: Response) -> None:
        response.delete_cookie(
            _cookie_name(request),
            path="/",
            secure=_is_remote(request),
            httponly=True,
            samesite="strict",
        )


def check_transport(request: Request) -> None:
    """Refuse a key that would travel unencrypted: beyond this machine, TLS must end in front of
    the console. The form's Origin says what the browser used.

    Raises:
        Refusal: 403.
    """
    is_plain = request.headers.get("origin", "").startswith("http://")
    if is_plain and _is_remote(request):
        raise Refusal(
            403, "not_encrypted", "sign in over HTTPS: a key must not travel in the clear"
        )


def _is_remote(request: Request) -> bool:
    return not is_loopback(requested_host(request))


def _cookie_name(request: Request) -> str:
    return _SECURE_COOKIE if _is_remote(request) else _COOKIE
