"""The API keys: names that log lines may say, and comparison in constant time. And how fast each
may call.
"""

import hashlib
import hmac
import math
import re
from collections.abc import Callable, Iterable
from typing import Self

UNNAMED = "default"
"""Every bare key's name: so that a bare key can be rotated, they are one owner."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def split_keys(text: str) -> list[tuple[str, str]]:
    """(name, key) of each entry of ``name=key,key,...``.

    Raises:
        ValueError: says which entry (counted from 1) is wrong, and never what it holds.
    """
    found: dict[str, str] = {}
    for number, entry in enumerate(text.split(","), 1):
        if not (entry := entry.strip()):
            continue
        name, is_named, key = entry.partition("=")
        if not is_named:
            name = UNNAMED
            key = entry
        elif not key.strip("="):
            # An empty variable (name=$UNSET), or a bare key in padded base64 whose front would
            # become a name in logs.
            raise ValueError(
                f"entry {number} has no key behind its name; write name=key, also for a key that"
                " ends in ="
            )
        if not _NAME.fullmatch(name):
            raise ValueError(f"entry {number}: a name has up to 64 of A-Z a-z 0-9 . _ -")
        if not re.fullmatch(r"[\x21-\x7e]+", key):
            raise ValueError(f"entry {number}: a key is visible ASCII without spaces")
        if found.setdefault(key, name) != name:
            raise ValueError(f"entry {number} is another name's key too")
    return [(name, key) for key, name in found.items()]


class ApiKeys:
    """The keys that are taken. Of several under one name each is as good: that is how one is
    rotated.
    """

    def __init__(self, named: Iterable[tuple[str, str]] = ()):
        self._digests = [(name, _digest(key)) for name, key in named]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``CODING_AGENT_API_KEYS``. Raises ValueError: see split_keys."""
        return cls(split_keys(text))

    def __bool__(self) -> bool:
        return bool(self._digests)

    def owner(self, presented: str) -> str | None:
        """The name of a key; None for a wrong one. It takes as long for each."""
        given = _digest(presented)
        owner = None
        for name, digest in self._digests:
            if hmac.compare_digest(digest, given):
                owner = name
        return owner


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class Buckets:
    """A token bucket a caller: ``burst`` calls at once, then ``rate`` a second. ``clock`` is
    monotonic, in seconds.
    """

    MOST = 10_000

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]):
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """caller -> (tokens, when); the one that called last stands last"""

    def take(self, caller: str) -> int:
        """0: go on; else the whole seconds to wait."""
        now = self._clock()
        tokens, at = self._buckets.pop(caller, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        allowed = tokens >= 1
        self._buckets[caller] = (tokens - allowed, now)
        if len(self._buckets) > self.MOST:
            del self._buckets[next(iter(self._buckets))]
        return 0 if allowed else math.ceil((1 - tokens) / self._rate)
