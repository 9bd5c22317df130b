"""Sessions: what a signed cookie says about who is signed in, and until when."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass

#: Seconds after which a person must sign in again: a working day.
SESSION_SECONDS = 12 * 3600


@dataclass(frozen=True)
class Session:
    id: str
    name: str
    """Name of the key with which the person signed in."""
    expires_at: float
    """Seconds since the epoch."""


class Sessions:
    """The sessions of one process: it signs them with a secret that ends with it.

    ``clock`` returns seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._ended: dict[str, float] = {}
        """Ids of sessions that were signed out, and when they would have expired."""

    def begin(self, name: str) -> Session:
        return Session(secrets.token_urlsafe(16), name, self._clock() + SESSION_SECONDS)

    def end(self, session: Session) -> None:
        """Make the session's cookie invalid, also a copy of it."""
        now = self._clock()
        self._ended = {id_: expires for id_, expires in self._ended.items() if expires > now}
        self._ended[session.id] = session.expires_at

    def cookie(self, session: Session) -> str:
        """Return the value of the session's cookie."""
        payload = base64.urlsafe_b64encode(json.dumps(asdict(session)).encode()).decode()
        return f"{payload}.{self._sign('session', payload)}"

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None if it is forged, expired or signed out."""
        payload, _, signature = cookie.rpartition(".")
        if not _are_equal(signature, self._sign("session", payload)):
            return None
        try:
            session = Session(**json.loads(base64.urlsafe_b64decode(payload)))
        except (binascii.Error, ValueError, TypeError):
            return None
        if session.expires_at <= self._clock() or session.id in self._ended:
            return None
        return session

    def form_token(self, session: Session) -> str:
        """Return the token that each form of the session's pages carries."""
        return self._sign("form", session.id)

    def is_form_token(self, session: Session, token: str) -> bool:
        return _are_equal(token, self.form_token(session))

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _are_equal(presented: str, expected: str) -> bool:
    """Compare in a time that does not depend on where the texts differ."""
    return hmac.compare_digest(presented.encode(), expected.encode())
