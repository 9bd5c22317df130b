"""The signature by which GitHub proves that it sent a request.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
from collections.abc import Sequence

HEADER = "X-Hub-Signature-256"
_SCHEME = "sha256="


def sign(body: bytes, secret: str) -> str:
    """Return the value of the header for a body."""
    return _SCHEME + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Return whether one of the secrets made the signature of these very bytes.

    Takes the same time for every signature.
    """
    presented = signature.encode(errors="replace")
    is_valid = False
    for secret in secrets:
        if hmac.compare_digest(sign(body, secret).encode(), presented):
            is_valid = True
    return is_valid
