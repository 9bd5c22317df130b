"""The output of a command as a model reads it: clipped, and otherwise exactly as printed."""

import codecs
import re

MAX_CHARS_EACH_END = 5_000
"""Maximum characters of a long output's beginning, and of its end."""

_NETWORK_FAILURES = re.compile(
    r"Could not resolve host|Temporary failure in name resolution|Name or service not known"
    r"|Network is unreachable|Failed to establish a new connection|getaddrinfo (?:failed|EAI_AGAIN)"
    r"|No matching distribution found|unable to resolve host address|\bENOTFOUND\b",
    re.I,
)
NO_NETWORK = "There is no network here, by design: use what is installed, and don't retry."


class ClippedOutput:
    """Collects the chunks of an output in bounded memory."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._beginning = ""
        self._end = ""
        self._length = 0

    def add(self, chunk: bytes) -> None:
        self._add_text(self._decoder.decode(chunk))

    def finish(self) -> None:
        """Add what remains of an incomplete character."""
        self._add_text(self._decoder.decode(b"", final=True))

    @property
    def left_out(self) -> int:
        """Number of characters between the beginning and the end that are left out."""
        return self._length - len(self._beginning) - len(self._end)

    def text(self) -> str:
        if self.left_out == 0:
            return self._beginning + self._end
        mark = f"\n[... {self.left_out} characters left out ...]\n"
        return self._beginning + mark + self._end

    def _add_text(self, text: str) -> None:
        self._length += len(text)
        space = MAX_CHARS_EACH_END - len(self._beginning)
        self._beginning += text[:space]
        rest = text[space:]
        if rest:
            self._end = (self._end + rest)[-MAX_CHARS_EACH_END:]


def asks_for_network(text: str) -> bool:
    """Return whether an output shows that a program failed because there is no network."""
    return _NETWORK_FAILURES.search(text) is not None
