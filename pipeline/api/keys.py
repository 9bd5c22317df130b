"""API keys: loggable names, constant-time comparison, and rate limits."""

import hashlib
import hmac
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipeline.api.problem import Refusal
from pipeline.api_keys import ApiKey, KeyLimits
from pipeline.store.contract import RunRow

#: Calls per second, and in a burst, of one key.
KEY_RATE = 10.0
KEY_BURST = 100
#: The same for an address without a valid key.
ADDRESS_RATE = 1.0
ADDRESS_BURST = 60


@dataclass(frozen=True)
class Caller:
    """Whoever presented a valid key."""

    name: str
    limits: KeyLimits

    def may_see(self, run: RunRow) -> bool:
        """Return whether the run is one of the caller's own, or the caller is an operator."""
        return self.limits.operator or run.owner == self.name


class ApiKeys:
    """The valid keys. A name may have several, so that one can be rotated."""

    def __init__(self, keys: Iterable[ApiKey] = ()):
        self._callers = [(_digest(key.key), Caller(key.name, key.limits)) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._callers)

    def caller(self, key: str) -> Caller | None:
        """Return whose key it is; None for an invalid key. Takes the same time for every key."""
        presented = _digest(key)
        match = None
        for digest, caller in self._callers:
            if hmac.compare_digest(digest, presented):
                match = caller
        return match


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class Buckets:
    """A token bucket per caller: ``burst`` calls at once, then ``rate`` per second.

    ``clock`` is monotonic, in seconds.
    """

    #: Maximum number of remembered callers.
    MAX_CALLERS = 10_000

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]):
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Caller -> (tokens, time of the last call); the most recent caller is last."""

    def take(self, caller: str) -> int:
        """Take a token. Returns 0, or after how many whole seconds there will be one."""
        now = self._clock()
        tokens, counted_at = self._buckets.pop(caller, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - counted_at) * self._rate)
        wait = 0
        if tokens >= 1:
            tokens -= 1
        else:
            wait = math.ceil((1 - tokens) / self._rate)
        self._buckets[caller] = (tokens, now)
        if len(self._buckets) > self.MAX_CALLERS:
            oldest = next(iter(self._buckets))
            del self._buckets[oldest]
        return wait


class Gate:
    """Identifies callers by key, and limits their rates. ``clock`` is monotonic, in seconds."""

    def __init__(self, keys: ApiKeys, clock: Callable[[], float]):
        self._keys = keys
        self._by_key = Buckets(KEY_RATE, KEY_BURST, clock)
        self._by_address = Buckets(ADDRESS_RATE, ADDRESS_BURST, clock)

    def identify(self, key: str | None, address: str) -> Caller:
        """Return the caller.

        A caller with a valid key is never refused because of others at the same address.

        Raises:
            Refusal: 401; 429 for an address that calls too often without a valid key.
        """
        caller = self._keys.caller(key) if key else None
        if caller is not None:
            return caller
        challenge = {"WWW-Authenticate": 'ApiKey realm="coding-agent"'}
        self._count_unknown(address, "key")
        raise Refusal(401, "unauthorized", self._why_unauthorized(key), headers=challenge)

    def refuse_signature(self, address: str) -> Refusal:
        """Return the refusal of a request whose signature is wrong.

        Raises:
            Refusal: 429 for an address that calls too often without a valid signature.
        """
        self._count_unknown(address, "signature")
        message = (
            "the X-Hub-Signature-256 is missing or wrong: the webhook's secret must be one of"
            " CODING_AGENT_WEBHOOK_SECRET"
        )
        return Refusal(401, "unauthorized", message)

    def _count_unknown(self, address: str, lacking: str) -> None:
        """Count a call without valid credentials. Raises Refusal: 429 if there are too many."""
        wait = self._by_address.take(address)
        if wait:
            message = f"too many calls without a valid {lacking}"
            raise Refusal(429, "rate_limited", message, retry_after=wait)

    def limit(self, caller: Caller) -> None:
        """Count a call. Raises Refusal: 429 if the key is used too often."""
        wait = self._by_key.take(caller.name)
        if wait:
            message = f"key {caller.name} is used too often; wait {wait} s"
            raise Refusal(429, "rate_limited", message, retry_after=wait)

    def _why_unauthorized(self, key: str | None) -> str:
        if not self._keys:
            return (
                "this service has no API keys, so it refuses every call: set CODING_AGENT_API_KEYS"
            )
        return "the X-API-Key is wrong" if key else "the X-API-Key header is missing"
